-- purpose: the profile vectors of some users
-- grain: one row per user that has one
select user_id, vector
from current_user_vectors
where
    catalog = $catalog
    and user_space = $user_space
    and user_id between list_min($user_ids) and list_max($user_ids)
    and user_id in (select unnest($user_ids))
order by user_id;
