-- purpose: record what became of claimed digests of run $run_id: $states, $replies and $attempts belong to $user_ids, place by place
-- grain: one row per user and day
update digests
set state = outcomes.state, reply = outcomes.reply, attempts = outcomes.attempts, finished_at = $now
from (
    select unnest($user_ids::text[]) as user_id, unnest($states::text[]) as state, unnest($replies::text[]) as reply,
        unnest($attempts::integer[]) as attempts
) as outcomes
where digests.user_space = $user_space and digests.day = $day and digests.run_id = $run_id
    and digests.user_id = outcomes.user_id;
