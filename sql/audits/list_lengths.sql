-- purpose: how long the users' lists are, over the scored Parquet files $files
-- grain: one row per list length of catalog $catalog; share is of the users that have a list
with lists as (
    select user_id, count(*) as n_items from read_parquet($files) where catalog = $catalog group by user_id
)
select n_items, count(*) as n_users, count(*) / sum(count(*)) over ()::double as share
from lists
group by n_items
order by n_items;
