-- purpose: which of some users this run has claimed for $day
-- grain: one row per user
select user_id from digests
where user_space = $user_space and day = $day and run_id = $run_id and state = 'claimed'
    and list_contains($user_ids::text[], user_id);
