-- purpose: critical expectations that failed when their suite was run last; those of a finished backfill are of a past day and don't count
-- grain: one row per catalog, suite, expectation and column
select catalog, suite, expectation, column_name, observed, expected, run_id
from (
    select results.*
    from quality_results as results
    left join runs on runs.run_id = results.run_id
    where
        list_contains($catalogs, results.catalog)
        and (not coalesce(runs.is_backfill, false) or runs.status = 'running')
    qualify rank() over (partition by results.catalog, results.suite order by results.run_id desc) = 1
)
where severity = 'critical' and not is_success
order by catalog, suite, expectation, column_name;
