-- purpose: questions that have an answer now are dead letters no more
-- grain: one row per question
delete from dead_letters where catalog = $catalog and task = $task and list_contains($keys, question_key);
