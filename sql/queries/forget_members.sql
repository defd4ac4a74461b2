-- purpose: labelers of a task that the catalog file no longer names
-- grain: one row per place in the panel from $n_members on
delete from panel_members where catalog = $catalog and task = $task and position >= $n_members;
