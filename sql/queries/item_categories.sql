-- purpose: the source's own category of each item
-- grain: one row per item that has one
select item_id, category as label from items where catalog = $catalog and category <> '' order by 1;
