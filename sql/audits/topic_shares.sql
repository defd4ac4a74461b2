-- purpose: how the active items spread over the topics
-- grain: one row per primary topic of catalog $catalog; share is of the items that have one
select
    primary_topic as topic,
    count(*) as n_items,
    count(*) / sum(count(*)) over ()::double as share
from current_topic_labels
where catalog = $catalog and primary_topic is not null
group by primary_topic
order by n_items desc, topic;
