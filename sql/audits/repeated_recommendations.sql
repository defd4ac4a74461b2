-- purpose: items that a user is recommended more than once, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
-- Numbers take less memory than names; only pairs whose number comes twice are compared by name.
with suspected as (
    select hash(user_id, item_id) as pair
    from read_parquet($files)
    where catalog = $catalog
    group by pair
    having count(*) > 1
)
select user_id, item_id, count(*) as n_rows, count(*) over () as n_bad
from read_parquet($files) as scored
semi join suspected on suspected.pair = hash(scored.user_id, scored.item_id)
where catalog = $catalog
group by user_id, item_id
having n_rows > 1
order by user_id, item_id
limit 100;
