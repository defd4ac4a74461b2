-- purpose: users that the source still has as they are stored
-- grain: one row per user
update users set is_active = true, last_seen_run = $run_id
from sorted_users
where users.user_space = $user_space
    and users.user_id = sorted_users.user_id
    and sorted_users.verdict = 'stored'
    and (users.last_seen_run <> $run_id or not users.is_active);
