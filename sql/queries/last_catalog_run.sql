-- purpose: the run that ingested a catalog last
-- grain: one row, or none before the first
select last_seen_run from catalogs where catalog = $catalog;
