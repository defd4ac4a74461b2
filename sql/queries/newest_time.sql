-- purpose: the newest time that this warehouse knows: what comes next must be later, whatever the machine's clock says
-- grain: one row; null before the first run
select
    greatest(
        (select max(started_at) from runs),
        (select max(finished_at) from runs),
        (select max(finished_at) from stage_runs),
        (select max(created_at) from stage_outputs),
        (select max(decided_at) from promotions),
        (select max(created_at) from quality_results)
    ) as newest_at;
