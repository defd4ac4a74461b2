-- purpose: who gets recommendations
-- grain: one row per active user
select user_id from users where user_space = $user_space and is_active order by user_id;
