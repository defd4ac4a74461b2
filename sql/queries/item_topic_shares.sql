-- purpose: how much of an item belongs to each topic
-- grain: one row per item and topic
select item_id, unnest(topics).topic as label, unnest(topics).confidence as share
from current_topic_labels
where catalog = $catalog
order by 1, 2;
