-- purpose: today's topic label of each active item
-- grain: one row per active item that has one; an abstention has a null primary_topic
select items.catalog, items.item_id, topic_labels.*
from items
join active_fingerprints as active on active.catalog = items.catalog and active.task = 'topics'
join topic_labels on topic_labels.content_hash = items.content_hash and topic_labels.fingerprint = active.fingerprint
where items.is_active
