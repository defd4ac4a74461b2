-- purpose: nobody's rows count any more for a catalog and task
-- grain: one row
delete from active_fingerprints where catalog = $catalog and task = $task;
