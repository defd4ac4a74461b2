-- purpose: what an item may be embedded by: its own words, its category, and what enriching found
-- grain: one row per active item
select
    items.item_id,
    nullif(items.title, '') as title,
    nullif(items.text, '') as text,
    nullif(items.category, '') as category,
    nullif(concat_ws('. ',
        enriched.summary,
        nullif(array_to_string(enriched.themes, ', '), ''),
        nullif(enriched.mood, ''),
        nullif(array_to_string(enriched.keywords, ', '), '')
    ), '') as enriched
from items
left join current_enrichments as enriched on enriched.catalog = items.catalog and enriched.item_id = items.item_id
where items.catalog = $catalog and items.is_active
order by items.item_id;
