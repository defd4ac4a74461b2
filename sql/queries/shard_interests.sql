-- purpose: what some users say they are interested in
-- grain: one row per user
select user_id, interests
from users
where
    user_space = $user_space
    and user_id between list_min($user_ids) and list_max($user_ids)
    and user_id in (select unnest($user_ids))
order by user_id;
