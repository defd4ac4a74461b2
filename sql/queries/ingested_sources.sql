-- purpose: what was last read whole of a catalog's sources, and by which run
-- grain: one row per kind; n_refused rows were refused since they pointed to nothing known or could not be used
select sources.kind, sources.digest, sources.run_id, counts.n_quarantined as n_refused
from ingested_sources as sources
join ingest_counts as counts
    on counts.catalog = sources.catalog and counts.kind = sources.kind and counts.run_id = sources.run_id
where sources.catalog = $catalog
order by sources.kind;
