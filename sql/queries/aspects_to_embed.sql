-- purpose: what enrichment says of an aspect of active items and has no vector under today's fingerprint
-- grain: one row per text, in the order of its hash
with told as (
    select unnest(json_extract_string(aspects, '$.*')) as text
    from current_enrichments
    where catalog = $catalog
),
texts as (
    select distinct trim(text) as text from told
),
hashed as (
    select sha256(text)[1:32] as content_hash, text from texts where text <> ''
)
select content_hash, text
from hashed
where
    not exists (
        select 1 from embeddings
        where embeddings.content_hash = hashed.content_hash and embeddings.fingerprint = $fingerprint
    )
order by content_hash;
