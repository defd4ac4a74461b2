-- purpose: all items of a catalog for the index: gone items stay known, for histories hold them; what $as_of_end has not seen is not active
-- grain: one row per item
select
    items.item_id, items.title, items.text, items.published_at,
    items.is_active and (items.published_at is null or items.published_at < $as_of_end) as is_active,
    groups.group_id
from items
left join item_groups as groups on groups.catalog = items.catalog and groups.item_id = items.item_id
where items.catalog = $catalog
order by items.item_id;
