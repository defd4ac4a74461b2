-- purpose: active items whose content has no enrichment under today's fingerprint
-- grain: one row per content hash; vector is null where the item has none under $vector_fingerprint
select
    items.content_hash, any_value(items.title) as title, any_value(items.text) as text, any_value(items.author) as author,
    any_value(embeddings.vector) as vector
from items
left join embeddings
    on embeddings.content_hash = items.content_hash and embeddings.fingerprint = $vector_fingerprint
where
    items.catalog = $catalog
    and items.is_active
    and not exists (
        select 1 from enrichments
        where enrichments.content_hash = items.content_hash and enrichments.fingerprint = $fingerprint
    )
group by items.content_hash
order by items.content_hash;
