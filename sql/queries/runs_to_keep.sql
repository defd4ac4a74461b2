-- purpose: runs whose files must stay: the last ones, and those that hold a catalog's latest output of a stage
-- grain: one row per run
select run_id from (select run_id from runs order by started_at desc limit $n_runs)
union
select arg_max(run_id, created_at) from stage_outputs group by catalog, stage
order by 1;
