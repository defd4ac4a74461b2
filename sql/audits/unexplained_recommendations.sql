-- purpose: recommendations without a reason, a source or a title, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
select user_id, item_id, rank, title, reason, sources, count(*) over () as n_bad
from read_parquet($files)
where
    catalog = $catalog
    and (trim(coalesce(reason, '')) = '' or trim(coalesce(title, '')) = '' or coalesce(len(sources), 0) = 0)
order by user_id, rank
limit 100;
