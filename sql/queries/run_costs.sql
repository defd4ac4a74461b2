-- purpose: what a run asked for and what it cost
-- grain: one row
select
    coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(tokens_in), 0)::bigint as tokens_in,
    coalesce(sum(tokens_out), 0)::bigint as tokens_out, coalesce(sum(cost_usd), 0)::double as cost_usd
from stage_runs
where run_id = $run_id;
