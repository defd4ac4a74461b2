-- purpose: what the stages of some runs asked for
-- grain: one row per run and stage that asked anything
select
    run_id, stage, sum(requests)::bigint as requests, sum(tokens_in + tokens_out)::bigint as tokens,
    sum(cost_usd)::double as cost_usd
from stage_runs
where list_contains($run_ids, run_id)
group by run_id, stage
having sum(requests) > 0
order by run_id, min(started_at), stage;
