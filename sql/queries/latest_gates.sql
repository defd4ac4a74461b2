-- purpose: the results of each suite's last run; those of a finished backfill are of a past day and don't count
-- grain: one row per catalog, suite, expectation and column
select
    results.catalog, results.suite, results.expectation, results.column_name, results.severity, results.is_success,
    results.observed, results.expected, results.n_unexpected
from quality_results as results
left join runs on runs.run_id = results.run_id
where
    list_contains($catalogs, results.catalog)
    and (not coalesce(runs.is_backfill, false) or runs.status = 'running')
qualify rank() over (partition by results.catalog, results.suite order by results.run_id desc) = 1
order by results.catalog, results.suite, results.expectation, results.column_name;
