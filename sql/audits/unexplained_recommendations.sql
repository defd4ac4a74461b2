-- purpose: recommendations without a reason and its author, a source or a title, or with an empty field of the reason, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
select user_id, item_id, rank, title, reason, reason_source, sources, count(*) over () as n_bad
from read_parquet($files)
where
    catalog = $catalog
    and (
        trim(coalesce(reason, '')) = '' or trim(coalesce(reason_source, '')) = '' or trim(coalesce(title, '')) = ''
        or coalesce(len(sources), 0) = 0
        or '' in (trim(reason_content), trim(reason_popularity), trim(reason_diversity), trim(reason_time))
    )
order by user_id, rank
limit 100;
