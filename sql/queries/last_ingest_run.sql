-- purpose: the run that ingested this catalog last
-- grain: one row
select ingest_counts.run_id
from ingest_counts
join runs on runs.run_id = ingest_counts.run_id
where ingest_counts.catalog = $catalog
order by runs.started_at desc
limit 1;
