-- purpose: recommended items that do not exist, are no longer active, or come out after $as_of_end only, over the scored Parquet files $files
-- grain: one row per item of catalog $catalog, at most 100; n_bad counts all of them
select
    scored.item_id, any_value(scored.title) as title, count(*) as n_users,
    case
        when bool_or(items.item_id is null) then 'no such item'
        when bool_or(not items.is_active) then 'not active'
        else 'not published yet'
    end as reason,
    count(*) over () as n_bad
from read_parquet($files) as scored
left join items on items.catalog = scored.catalog and items.item_id = scored.item_id
where scored.catalog = $catalog and not coalesce(items.is_active and (items.published_at is null or items.published_at < $as_of_end), false)
group by scored.item_id
order by scored.item_id
limit 100;
