-- purpose: users that are recommended two near-duplicates of one group, over the scored Parquet files $files
-- grain: one row per user and group of catalog $catalog, at most 100; n_bad counts all of them
select
    scored.user_id, item_groups.group_id, count(distinct scored.item_id) as n_items,
    min(scored.item_id) as item_a, max(scored.item_id) as item_b, count(*) over () as n_bad
from read_parquet($files) as scored
join item_groups on item_groups.catalog = scored.catalog and item_groups.item_id = scored.item_id
where scored.catalog = $catalog
group by scored.user_id, item_groups.group_id
having n_items > 1
order by scored.user_id, item_groups.group_id
limit 100;
