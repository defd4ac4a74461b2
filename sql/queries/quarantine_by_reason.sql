-- purpose: rows that the last ingest of each catalog refused
-- grain: one row per catalog, kind and reason without its particulars
with last_ingest as (
    select catalog, last_seen_run from catalogs
)
select
    quarantine.catalog, quarantine.kind, count(*) as n_rows, min(quarantine.reason) as example_reason,
    min(quarantine.file || ' line ' || quarantine.line) as example_place
from quarantine
join last_ingest on last_ingest.catalog = quarantine.catalog and last_ingest.last_seen_run = quarantine.last_seen_run
group by quarantine.catalog, quarantine.kind, regexp_replace(quarantine.reason, '''[^'']*''|[0-9]+', '', 'g')
order by n_rows desc, quarantine.catalog, quarantine.kind;
