-- purpose: the profile vectors of some users
-- grain: one row per user that has one
select user_id, vector
from current_user_vectors
where catalog = $catalog and user_space = $user_space and list_contains($user_ids, user_id)
order by user_id;
