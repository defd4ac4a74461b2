-- purpose: active items without a title, which no reader of a recommendation could recognise
-- grain: one row per item, at most 100; n_bad counts all of them
select item_id, title, left(text, 200) as text, count(*) over () as n_bad
from items
where catalog = $catalog and is_active and trim(title) = ''
order by item_id
limit 100;
