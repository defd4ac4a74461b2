-- purpose: users that their source no longer lists get no recommendations any more
-- grain: one row per user that came from a source of this catalog
update users set is_active = false
where user_space = $user_space and source_catalog = $catalog and origin = 'source' and last_seen_run <> $run_id and is_active;
