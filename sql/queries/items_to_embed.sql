-- purpose: active items whose content has no vector under today's fingerprint
-- grain: one row per content hash
select
    items.content_hash,
    any_value(items.title) as title,
    any_value(items.text) as text,
    any_value(items.author) as author,
    any_value(enriched.summary) as summary,
    any_value(enriched.mood) as mood,
    any_value(enriched.audience) as audience,
    any_value(list_aggregate(enriched.themes, 'string_agg', ', ')) as themes,
    any_value(list_aggregate(enriched.keywords, 'string_agg', ', ')) as keywords
from items
left join current_enrichments as enriched on enriched.catalog = items.catalog and enriched.item_id = items.item_id
where
    items.catalog = $catalog
    and items.is_active
    and not exists (
        select 1 from embeddings
        where embeddings.content_hash = items.content_hash and embeddings.fingerprint = $fingerprint
    )
group by items.content_hash
order by items.content_hash;
