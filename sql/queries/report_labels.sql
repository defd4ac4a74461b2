-- purpose: what a run, or the last before it that measured labels, noted of them; and how they were spread before that
-- grain: one row per catalog, task, run (age 0, or 1 for the run before), metric and subject
with measured as (
    select
        metrics.catalog, metrics.run_id,
        row_number() over (partition by metrics.catalog order by runs.started_at desc, runs.run_id desc) - 1 as age
    from (select distinct catalog, run_id from label_metrics where metric = 'share') as metrics
    join runs on runs.run_id = metrics.run_id
    where list_contains($run_ids, metrics.run_id) and list_contains($catalogs, metrics.catalog)
)
select
    metrics.catalog, metrics.task, metrics.run_id, measured.age, metrics.metric, metrics.subject, metrics.value, metrics.low,
    metrics.high, metrics.n
from measured
join label_metrics as metrics on metrics.catalog = measured.catalog and metrics.run_id = measured.run_id
where measured.age = 0 or (measured.age = 1 and metrics.metric = 'share')
order by metrics.catalog, metrics.task, measured.age, metrics.metric, metrics.n desc, metrics.subject;
