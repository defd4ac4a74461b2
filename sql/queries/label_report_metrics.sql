-- purpose: what the last runs have noted about the labels of a task
-- grain: one row per run, metric and subject, of the last $n_runs runs that noted anything, the newest first
with runs as (
    select run_id, max(created_at) as noted_at
    from label_metrics
    where catalog = $catalog and task = $task
    group by run_id
    order by noted_at desc, run_id desc
    limit $n_runs
)
select runs.run_id, runs.noted_at, metrics.metric, metrics.subject, metrics.value, metrics.low, metrics.high, metrics.n
from runs
join label_metrics as metrics on metrics.run_id = runs.run_id and metrics.catalog = $catalog and metrics.task = $task
order by runs.noted_at desc, runs.run_id desc, metrics.metric, metrics.subject;
