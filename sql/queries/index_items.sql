-- purpose: all items of a catalog for the index: gone items stay known, for histories hold them
-- grain: one row per item
select items.item_id, items.title, items.text, items.published_at, items.is_active, groups.group_id
from items
left join item_groups as groups on groups.catalog = items.catalog and groups.item_id = items.item_id
where items.catalog = $catalog
order by items.item_id;
