-- purpose: make room for the event rules of this run
-- grain: one row per rule
delete from catalog_events where catalog = $catalog;
