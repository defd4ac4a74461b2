-- purpose: the results of the last runs, for the Data Docs
-- grain: one row per run, catalog and expectation
with recent as (
    select run_id from quality_results group by run_id order by max(created_at) desc limit $n_runs
)
select
    results.* exclude (created_at, sample), results.sample::text as sample,
    min(results.created_at) over (partition by results.run_id, results.catalog) as run_at
from quality_results as results
join recent on recent.run_id = results.run_id
order by results.run_id, results.catalog, results.suite, results.expectation, results.column_name;
