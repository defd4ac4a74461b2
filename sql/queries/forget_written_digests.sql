-- purpose: forget that digests were written to a folder today, of users who are now to be sent theirs
-- grain: one row per user and day
delete from digests
where user_space = $user_space and day = $day and state = 'written' and list_contains($user_ids::text[], user_id);
