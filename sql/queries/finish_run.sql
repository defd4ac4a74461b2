-- purpose: how a run ended; one that completed, but for stages that ended before their work lists did, is partial
-- grain: one row
update runs set
    status = case when $status = 'completed' and unfinished.stages is not null then 'partial' else $status end,
    message = case when $status = 'completed' then coalesce('stays due: ' || unfinished.stages, $message) else $message end,
    peak_rss_mb = $peak_rss_mb,
    finished_at = $now
from (
    select string_agg(catalog || ' ' || stage, ', ' order by started_at) as stages
    from stage_runs
    where run_id = $run_id and status = 'partial'
) as unfinished
where run_id = $run_id;
