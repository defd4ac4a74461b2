-- purpose: what each stage of a run did, in the order in which they began
-- grain: one row per stage and catalog; start is in seconds from the start of the run
select
    stages.stage, stages.catalog, stages.status,
    greatest(0, date_diff('millisecond', runs.started_at, stages.started_at) / 1000) as start,
    stages.seconds, stages.rows_in, stages.rows_out, stages.dropped::text as dropped, stages.requests,
    stages.tokens_in, stages.tokens_out, stages.cost_usd, stages.notes
from stage_runs as stages
join runs on runs.run_id = stages.run_id
where stages.run_id = $run_id
order by stages.started_at, stages.catalog;
