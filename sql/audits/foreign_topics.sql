-- purpose: topic labels that are not in the taxonomy $topics
-- grain: one row per active item and foreign topic, at most 100; n_bad counts all of them
with named as (
    select labels.item_id, labels.labeler, unnest(list_transform(labels.topics, lambda scored: scored.topic)) as topic
    from current_topic_labels as labels
    where labels.catalog = $catalog
    union
    select labels.item_id, labels.labeler, labels.primary_topic
    from current_topic_labels as labels
    where labels.catalog = $catalog and labels.primary_topic is not null
)
select item_id, topic, labeler, count(*) over () as n_bad
from named
where not list_contains($topics::text[], topic)
order by item_id, topic
limit 100;
