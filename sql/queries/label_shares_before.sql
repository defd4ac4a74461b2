-- purpose: how labels were spread in the last run of at least seven days before $as_of, else in the earliest of an earlier day
-- grain: one row per task and answer of that run, none where there is no earlier run
with earlier as (
    select distinct runs.run_id, runs.as_of, runs.started_at
    from runs
    join label_metrics as metrics on metrics.run_id = runs.run_id and metrics.catalog = $catalog
    where runs.as_of < $as_of and metrics.metric = 'share'
),
reference as (
    select run_id
    from earlier
    order by as_of <= $as_of - interval 7 day desc,
        case when as_of <= $as_of - interval 7 day then as_of end desc,
        as_of, started_at desc
    limit 1
)
select metrics.task, metrics.subject as answer, metrics.value as share, metrics.n
from label_metrics as metrics
join reference on reference.run_id = metrics.run_id
where metrics.catalog = $catalog and metrics.metric = 'share'
order by metrics.task, metrics.subject;
