-- purpose: what a run and those before it measured on the whole truth
-- grain: one row per run, catalog, ranker and metric at a cut-off of 10; age 0 is the newest run of a catalog
select
    metrics.catalog, metrics.run_id, metrics.ranker, metrics.metric, metrics.value, metrics.ci_low as low,
    metrics.ci_high as high, metrics.n_users as n,
    dense_rank() over (partition by metrics.catalog order by runs.started_at desc, runs.run_id desc) - 1 as age
from metrics
join runs on runs.run_id = metrics.run_id
where
    list_contains($run_ids, metrics.run_id) and list_contains($catalogs, metrics.catalog)
    and metrics.slice = 'all' and metrics.k = 10
order by metrics.catalog, age, metrics.ranker, metrics.metric;
