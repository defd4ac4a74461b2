-- purpose: what the run measured, as published
-- grain: one row per ranker, slice, metric and cut-off of run $run_id and catalog $catalog
select
    catalog, ranker, slice, metric, k,
    case when isfinite(value) then value end as value,
    case when isfinite(ci_low) then ci_low end as ci_low,
    case when isfinite(ci_high) then ci_high end as ci_high,
    n_users, as_of
from metrics
where run_id = $run_id and catalog = $catalog;
