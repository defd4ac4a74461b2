-- purpose: what this run's labels have cost
-- grain: one row per labeling stage of the run that landed a label
select stage as task, rows_out as n_labels, (tokens_in + tokens_out)::double as tokens, cost_usd
from stage_runs
where run_id = $run_id and catalog = $catalog and stage in ('enrich', 'topics', 'similar', 'judge') and rows_out > 0
order by stage;
