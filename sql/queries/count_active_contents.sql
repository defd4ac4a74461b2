-- purpose: how many distinct contents a catalog's active items have
-- grain: one row
select count(distinct content_hash) as n_contents from items where catalog = $catalog and is_active;
