-- purpose: today's vectors of some contents
-- grain: one row per content hash of $keys that has one
select embeddings.content_hash, embeddings.vector
from active_fingerprints as active
join embeddings on embeddings.fingerprint = active.fingerprint
where
    active.catalog = $catalog
    and active.task = 'embed_items'
    and embeddings.content_hash in (select unnest($keys));
