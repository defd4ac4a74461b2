-- purpose: the attributes that any item of a catalog has
-- grain: one row per name
select distinct unnest(json_keys(attributes)) as name from items where catalog = $catalog order by 1;
