-- purpose: the vectors that topic prototypes are fitted to: of active contents, at most $most, those of the lowest hashes
-- grain: one row per content hash
with contents as (
    select distinct content_hash
    from items
    where
        catalog = $catalog
        and is_active
        and content_hash in (
            select embeddings.content_hash
            from active_fingerprints as active
            join embeddings on embeddings.fingerprint = active.fingerprint
            where active.catalog = $catalog and active.task = 'embed_items'
        )
    order by content_hash
    limit $most
)
select embeddings.content_hash, embeddings.vector
from active_fingerprints as active
join embeddings on embeddings.fingerprint = active.fingerprint
where
    active.catalog = $catalog
    and active.task = 'embed_items'
    and embeddings.content_hash in (select content_hash from contents)
order by embeddings.content_hash;
