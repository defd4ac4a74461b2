-- purpose: what the enrichment says of each aspect of some items, but what their texts do not carry
-- grain: one row per item and aspect
with told as (
    select item_id, aspects, ungrounded, unnest(json_keys(aspects)) as aspect
    from current_enrichments
    where catalog = $catalog and item_id in (select unnest($item_ids))
)
select item_id, aspect, json_extract_string(aspects, '$."' || aspect || '"') as words
from told
where len(list_filter(ungrounded, lambda one: starts_with(one, 'aspect ' || aspect || ':'))) = 0
order by item_id, aspect;
