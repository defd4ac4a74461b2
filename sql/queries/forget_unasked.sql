-- purpose: questions that are asked no more are dead letters no more
-- grain: one row per question
delete from dead_letters
where
    catalog = $catalog and task = $task and fingerprint = $fingerprint
    and question_key not in (select unnest($keys));
