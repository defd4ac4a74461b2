-- purpose: what ran lately
-- grain: one row per run, newest first, at most ten
select
    run_id, as_of, status, array_to_string(catalogs, ', ') as catalogs,
    date_trunc('second', started_at) as started_at,
    date_diff('second', started_at, finished_at) as seconds, round(peak_rss_mb)::bigint as peak_rss_mb, message
from runs
order by started_at desc
limit 10;
