-- purpose: today's verdict on each pair of near items
-- grain: one row per catalog and pair of content hashes, both of active items
select active.catalog, similarity_labels.*
from active_fingerprints as active
join similarity_labels on similarity_labels.fingerprint = active.fingerprint
where
    active.task = 'similar'
    and exists (
        select 1 from items
        where items.catalog = active.catalog and items.is_active and items.content_hash = similarity_labels.hash_a
    )
    and exists (
        select 1 from items
        where items.catalog = active.catalog and items.is_active and items.content_hash = similarity_labels.hash_b
    )
