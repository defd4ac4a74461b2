-- purpose: the producer whose rows count today
-- grain: one row
select fingerprint from active_fingerprints where catalog = $catalog and task = $task;
