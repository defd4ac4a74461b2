-- purpose: recommendations whose score is not a finite number, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
select user_id, item_id, rank, score, count(*) over () as n_bad
from read_parquet($files)
where catalog = $catalog and not coalesce(isfinite(score), false)
order by user_id, rank
limit 100;
