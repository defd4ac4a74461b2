-- purpose: the producers whose rows count today
-- grain: one row per task of the catalog
select task, fingerprint from active_fingerprints where catalog = $catalog order by task;
