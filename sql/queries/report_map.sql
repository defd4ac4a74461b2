-- purpose: items with their vectors and topics to draw a map of; which ones is decided by their ids, so that a map repeats
-- grain: one row per item, at most $most
with drawn as (
    select catalog, item_id, content_hash
    from current_item_vectors
    where catalog = $catalog and is_active
    order by md5(item_id), item_id
    limit $most
)
select
    items.item_id, left(items.title, 400) as title, coalesce(labels.primary_topic, '') as topic, vectors.vector
from drawn
join items on items.catalog = drawn.catalog and items.item_id = drawn.item_id
join current_item_vectors as vectors on vectors.catalog = drawn.catalog and vectors.item_id = drawn.item_id
left join current_topic_labels as labels on labels.catalog = drawn.catalog and labels.item_id = drawn.item_id
order by md5(items.item_id), items.item_id;
