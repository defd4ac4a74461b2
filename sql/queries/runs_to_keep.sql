-- purpose: runs whose files must stay: the last ones, and those that hold a catalog's latest output of a stage
-- grain: one row per run
select run_id from (select run_id from runs order by started_at desc limit $n_runs)
union
select arg_max(outputs.run_id, outputs.created_at)
from stage_outputs as outputs
left join runs on runs.run_id = outputs.run_id
where not coalesce(runs.is_backfill, false) or runs.status = 'running'
group by outputs.catalog, outputs.stage
union
-- Beside a backfill that runs now, what the plain runs left stays what the next one goes on from.
select arg_max(outputs.run_id, outputs.created_at)
from stage_outputs as outputs
left join runs on runs.run_id = outputs.run_id
where not coalesce(runs.is_backfill, false)
group by outputs.catalog, outputs.stage
order by 1;
