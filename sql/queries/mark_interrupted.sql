-- purpose: a run that is still "running" although nobody holds the lock was interrupted
-- grain: one row per run
update runs set status = 'interrupted', finished_at = $now, message = 'the process ended before the run did'
where status = 'running';
