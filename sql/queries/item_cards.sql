-- purpose: what a recommendation shows of an item
-- grain: one row per active item
select items.item_id, items.title, items.url, labels.primary_topic
from items
left join current_topic_labels as labels on labels.catalog = items.catalog and labels.item_id = items.item_id
where items.catalog = $catalog and items.is_active;
