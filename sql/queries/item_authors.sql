-- purpose: who made each item
-- grain: one row per item that has an author
select item_id, author as label from items where catalog = $catalog and author <> '' order by 1;
