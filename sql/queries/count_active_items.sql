-- purpose: how many items a catalog can recommend
-- grain: one row
select count(*) as n_items from items where catalog = $catalog and is_active;
