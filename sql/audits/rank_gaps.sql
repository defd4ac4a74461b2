-- purpose: users whose ranks are not 1, 2, 3 … without a gap or a tie, over the scored Parquet files $files
-- grain: one row per user of catalog $catalog, at most 100; n_bad counts all of them
with lists as (
    select user_id, count(*) as n_rows, count(distinct rank) as n_ranks, min(rank) as first_rank, max(rank) as last_rank
    from read_parquet($files)
    where catalog = $catalog
    group by user_id
)
select *, count(*) over () as n_bad
from lists
where not coalesce(first_rank = 1 and last_rank = n_rows and n_ranks = n_rows, false)
order by user_id
limit 100;
