-- purpose: today's embedding of each item, active or not (a history may hold items that are gone)
-- grain: one row per item that has one
select items.catalog, items.item_id, items.is_active, active.labeler as model, embeddings.content_hash, embeddings.vector
from items
join active_fingerprints as active on active.catalog = items.catalog and active.task = 'embed_items'
join embeddings on embeddings.content_hash = items.content_hash and embeddings.fingerprint = active.fingerprint
