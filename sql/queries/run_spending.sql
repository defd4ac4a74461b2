-- purpose: what the stages of a run have asked about a catalog so far
-- grain: one row
select coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(cost_usd), 0)::double as cost_usd
from stage_runs
where run_id = $run_id and catalog = $catalog;
