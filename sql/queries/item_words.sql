-- purpose: what enrichment says of each item in words: themes, keywords, mood and audience
-- grain: one row per item, kind and label
with said as (
    select item_id, 'theme' as kind, unnest(themes) as label from current_enrichments where catalog = $catalog
    union all
    select item_id, 'keyword', unnest(keywords) from current_enrichments where catalog = $catalog
    union all
    select item_id, 'mood', mood from current_enrichments where catalog = $catalog
    union all
    select item_id, 'audience', audience from current_enrichments where catalog = $catalog
)
select distinct item_id, kind, lower(trim(label)) as label
from said
where trim(label) <> ''
order by item_id, kind, label;
