-- purpose: the groups of near-duplicates, as published
-- grain: one row per active item of catalog $catalog that has a near-duplicate
select item_groups.catalog, item_groups.item_id, item_groups.group_id, item_groups.n_items
from item_groups
join items on items.catalog = item_groups.catalog and items.item_id = item_groups.item_id
where item_groups.catalog = $catalog and items.is_active;
