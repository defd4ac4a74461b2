-- purpose: what the run found out about its labels, as far as the catalog sets a bound
-- grain: one row per task with any such figure; a figure that is not known is null
select
    task,
    max(value) filter (metric = 'stability_index') as stability_index,
    max(value) filter (metric = 'alpha') as alpha,
    max(value) filter (metric = 'cost_per_label_usd') as cost_per_label_usd,
    max(value) filter (metric = 'ungrounded_share') as ungrounded_share
from label_metrics
where run_id = $run_id and catalog = $catalog
group by task
having count(*) filter (metric in ('stability_index', 'alpha', 'cost_per_label_usd', 'ungrounded_share')) > 0
order by task;
