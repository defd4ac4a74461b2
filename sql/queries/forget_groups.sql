-- purpose: make room for the groups of this run
-- grain: one row per grouped item
delete from item_groups where catalog = $catalog;
