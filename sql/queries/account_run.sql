-- purpose: how a run stands, and what it has published
-- grain: one row, none if there is no such run
select
    runs.run_id, runs.as_of, runs.status, runs.catalogs, runs.message, runs.started_at,
    coalesce(date_diff('second', runs.started_at, runs.finished_at), 0)::bigint as seconds,
    coalesce(runs.peak_rss_mb, 0.0)::double as peak_rss_mb, runs.code_version,
    (
        select max(publications.publication_id) from publications where publications.run_id = runs.run_id
    ) as publication_id
from runs
where runs.run_id = $run_id;
