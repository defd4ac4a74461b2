-- purpose: items that a user is recommended more than once, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
select user_id, item_id, count(*) as n_rows, count(*) over () as n_bad
from read_parquet($files)
where catalog = $catalog
group by user_id, item_id
having n_rows > 1
order by user_id, item_id
limit 100;
