-- purpose: the expectations of a run that failed, with a sample of their rows
-- grain: one row per catalog, suite, expectation and column
select
    catalog, suite, expectation, column_name, severity, observed, expected, n_unexpected, sample::text as sample
from quality_results
where run_id = $run_id and not is_success
order by severity, catalog, suite, expectation, column_name;
