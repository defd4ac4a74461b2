-- purpose: the source's own categories of each item; a source with several writes them with | between
-- grain: one row per item and category
select item_id, unnest(string_split(category, '|')) as label
from items
where catalog = $catalog and category <> ''
order by 1, 2;
