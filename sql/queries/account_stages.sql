-- purpose: what each stage of a run did, in the order in which they began
-- grain: one row per stage and catalog of the run
select
    stage, catalog, status, rows_in, rows_out, dropped::text as dropped, requests, tokens_in, tokens_out, cost_usd,
    seconds, notes
from stage_runs
where run_id = $run_id
order by started_at, catalog;
