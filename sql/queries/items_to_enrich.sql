-- purpose: active contents without an enrichment under today's fingerprint
-- grain: one row per content hash; vector is null where the item has none under $vector_fingerprint. Rows are picked by number,
--   so that texts pass through and are never sorted or held.
with due as (
    select min(items.rowid) as number
    from items
    where
        items.catalog = $catalog
        and items.is_active
        and not exists (
            select 1 from enrichments
            where enrichments.content_hash = items.content_hash and enrichments.fingerprint = $fingerprint
        )
    group by items.content_hash
)
select items.content_hash, items.title, items.text, items.author, embeddings.vector
from items
left join embeddings
    on $vector_fingerprint <> '' and embeddings.content_hash = items.content_hash
    and embeddings.fingerprint = $vector_fingerprint
where items.rowid in (select number from due);
