-- purpose: under which hash the profiles of some users stand today
-- grain: one row per user
select user_id, profile_hash
from users
where
    user_space = $user_space
    and user_id between list_min($user_ids) and list_max($user_ids)
    and user_id in (select unnest($user_ids));
