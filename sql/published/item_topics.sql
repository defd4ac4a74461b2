-- purpose: today's topic label of each active item, as published
-- grain: one row per active item of catalog $catalog that has a label or an abstention
select catalog, item_id, primary_topic, parent_topic, topics, confidence, labeler, fingerprint, reason
from current_topic_labels
where catalog = $catalog;
