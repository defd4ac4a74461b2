-- purpose: propensities that can't be, or that stand above an item of the ranker's, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
with lists as (
    select
        user_id, item_id, rank, propensity,
        max(rank) filter (propensity is null) over (partition by user_id) as last_ranked
    from read_parquet($files)
    where catalog = $catalog
)
select *, count(*) over () as n_bad
from lists
where propensity is not null and (not (propensity > 0 and propensity <= 1) or rank < last_ranked)
order by user_id, rank
limit 100;
