-- purpose: how a run ended, for those who are told of it
-- grain: one row
with stages as (
    select
        arg_max(stage || ' of ' || catalog, finished_at) filter (where status = 'failed') as failed_stage,
        arg_max(stage || ' of ' || catalog, finished_at) as last_stage,
        coalesce(sum(requests), 0)::bigint as requests,
        coalesce(sum(cost_usd), 0)::double as cost_usd
    from stage_runs
    where run_id = $run_id
)
select
    runs.run_id, runs.as_of, runs.status, runs.catalogs, runs.message,
    date_trunc('second', runs.started_at) as started_at,
    date_diff('second', runs.started_at, runs.finished_at) as seconds,
    stages.failed_stage, stages.last_stage, stages.requests, stages.cost_usd,
    (select max(publication_id) from publications where publications.run_id = $run_id) as publication_id
from runs, stages
where runs.run_id = $run_id;
