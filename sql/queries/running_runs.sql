-- purpose: runs that are under way, or whose process died
-- grain: one row per run, oldest first
select run_id from runs where status = 'running' order by started_at;
