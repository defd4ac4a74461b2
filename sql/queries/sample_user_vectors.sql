-- purpose: the profile vectors of some users, drawn by a hash of their id, to try an approximate index with
-- grain: one row per user drawn
select user_id, vector
from current_user_vectors
where catalog = $catalog and user_space = $user_space
order by sha256(user_id)
limit $n_users;
