-- purpose: items that their source no longer lists are never recommended again; their history stays
-- grain: one row per item of the catalog
update items set is_active = false where catalog = $catalog and last_seen_run <> $run_id and is_active;
