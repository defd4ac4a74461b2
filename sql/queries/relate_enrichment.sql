-- purpose: what items share word by word in an aspect that the enrichment found, where one is named series, author or brand
-- grain: one row per active item and such an aspect
insert into relation_values
with told as (
    select item_id, unnest(json_keys(aspects)) as aspect, unnest(json_extract_string(aspects, '$.*')) as text
    from current_enrichments
    where catalog = $catalog
)
select
    lower(aspect), 'enrichment:' || aspect, item_id,
    lower(trim(regexp_replace(text, '\s+', ' ', 'g'))) as shared,
    null
from told
where lower(aspect) in ('series', 'author', 'brand') and shared <> '';
