-- purpose: items whose text seems to address a model, for a person to look at
-- grain: one row per active item with a suspicion
select
    items.catalog, items.item_id, items.title,
    list(suspected.kind order by suspected.kind) as kinds,
    list(suspected.excerpt order by suspected.kind) as excerpts,
    items.content_hash, min(suspected.created_at) as noted_at
from items
join injection_suspected as suspected
    on suspected.catalog = items.catalog and suspected.content_hash = items.content_hash and suspected.source = 'item'
where items.is_active
group by items.catalog, items.item_id, items.title, items.content_hash
