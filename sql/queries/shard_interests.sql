-- purpose: what some users say they are interested in
-- grain: one row per user
select user_id, interests from users where user_space = $user_space and list_contains($user_ids, user_id) order by user_id;
