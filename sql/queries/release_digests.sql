-- purpose: give back claims of run $run_id on users whose mail the server certainly did not take: they are due again
-- grain: one row per user and day
delete from digests
where user_space = $user_space and day = $day and run_id = $run_id and state = 'claimed'
    and list_contains($user_ids::text[], user_id);
