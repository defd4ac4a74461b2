-- purpose: after a trial with a limit, no source counts as read
-- grain: one row per kind; the run that read it whole stays
update ingested_sources set digest = '' where catalog = $catalog;
