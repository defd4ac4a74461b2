-- purpose: recommended items that do not exist or are no longer active, over the scored Parquet files $files
-- grain: one row per item of catalog $catalog, at most 100; n_bad counts all of them
select
    scored.item_id, any_value(scored.title) as title, count(*) as n_users,
    case when bool_or(items.item_id is null) then 'no such item' else 'not active' end as reason,
    count(*) over () as n_bad
from read_parquet($files) as scored
left join items on items.catalog = scored.catalog and items.item_id = scored.item_id
where scored.catalog = $catalog and not coalesce(items.is_active, false)
group by scored.item_id
order by scored.item_id
limit 100;
