-- purpose: critical expectations that failed in a run
-- grain: one row per catalog, suite, expectation and column
select catalog, suite, expectation, column_name, observed, expected, run_id
from quality_results
where run_id = $run_id and severity = 'critical' and not is_success
order by catalog, suite, expectation, column_name;
