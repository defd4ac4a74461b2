-- purpose: the last run whose ingest of this catalog passed its gate; what is gone since is gone, however many runs failed
-- grain: one row
select ingest_counts.run_id
from ingest_counts
join runs on runs.run_id = ingest_counts.run_id
join quality_results as results
    on results.run_id = ingest_counts.run_id and results.catalog = ingest_counts.catalog and results.suite = 'ingest'
where ingest_counts.catalog = $catalog
group by ingest_counts.run_id, runs.started_at
having bool_and(results.is_success or results.severity <> 'critical')
order by runs.started_at desc
limit 1;
