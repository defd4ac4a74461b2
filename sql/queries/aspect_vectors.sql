-- purpose: what enrichment says of each aspect of the active items, with its vector
-- grain: one row per item and aspect
with told as (
    select item_id, unnest(json_keys(aspects)) as aspect, unnest(json_extract_string(aspects, '$.*')) as text
    from current_enrichments
    where catalog = $catalog
),
texts as (
    select item_id, aspect, trim(text) as text from told
)
select texts.item_id, texts.aspect, texts.text, embeddings.vector
from texts
join active_fingerprints as active on active.catalog = $catalog and active.task = 'embed_aspects'
join active_fingerprints as of_items
    on of_items.catalog = $catalog and of_items.task = 'embed_items' and of_items.labeler = active.labeler
join embeddings on embeddings.fingerprint = active.fingerprint and embeddings.content_hash = sha256(texts.text)[1:32]
order by texts.item_id, texts.aspect;
