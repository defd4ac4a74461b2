-- purpose: every expectation that a run held its data to, those that failed first
-- grain: one row per catalog, suite, expectation and column
select
    catalog, suite, expectation, column_name, severity, is_success, observed, expected, n_unexpected,
    sample::text as sample
from quality_results
where run_id = $run_id
order by is_success, severity, created_at, catalog, suite, expectation, column_name;
