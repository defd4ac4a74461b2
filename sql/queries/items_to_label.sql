-- purpose: active items whose content has no topic label under today's fingerprint
-- grain: one row per content hash; vector is null where the item has none
select
    items.content_hash, any_value(items.title) as title, any_value(items.text) as text, any_value(items.author) as author,
    any_value(vectors.vector) as vector
from items
left join current_item_vectors as vectors on vectors.catalog = items.catalog and vectors.item_id = items.item_id
where
    items.catalog = $catalog
    and items.is_active
    and not exists (
        select 1 from topic_labels
        where topic_labels.content_hash = items.content_hash and topic_labels.fingerprint = $fingerprint
    )
group by items.content_hash
order by items.content_hash;
