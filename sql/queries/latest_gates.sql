-- purpose: the results of each suite's last run
-- grain: one row per catalog, suite, expectation and column
select catalog, suite, expectation, column_name, severity, is_success, observed, expected, n_unexpected
from quality_results
where list_contains($catalogs, catalog)
qualify rank() over (partition by catalog, suite order by run_id desc) = 1
order by catalog, suite, expectation, column_name;
