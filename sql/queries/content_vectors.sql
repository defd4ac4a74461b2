-- purpose: today's vector of each active content
-- grain: one row per content hash that has one
select embeddings.content_hash, embeddings.vector
from active_fingerprints as active
join embeddings on embeddings.fingerprint = active.fingerprint
where
    active.catalog = $catalog
    and active.task = 'embed_items'
    and embeddings.content_hash in (select content_hash from items where catalog = $catalog and is_active);
