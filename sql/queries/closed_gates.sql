-- purpose: critical expectations that failed when their suite was run last
-- grain: one row per catalog, suite, expectation and column
select catalog, suite, expectation, column_name, observed, expected, run_id
from (
    select * from quality_results
    where list_contains($catalogs, catalog)
    qualify rank() over (partition by catalog, suite order by run_id desc) = 1
)
where severity = 'critical' and not is_success
order by catalog, suite, expectation, column_name;
