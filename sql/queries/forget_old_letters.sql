-- purpose: of questions about lists only those of the last run that asked them all stay open
-- grain: one row per question
delete from dead_letters where catalog = $catalog and task = $task and run_id <> $run_id;
