-- purpose: how a run ended
-- grain: one row
update runs set status = $status, message = $message, peak_rss_mb = $peak_rss_mb, finished_at = $now where run_id = $run_id;
