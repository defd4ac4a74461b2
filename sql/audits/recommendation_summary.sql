-- purpose: how many users get recommendations, over the scored Parquet files $files
-- grain: one row, for catalog $catalog; of no users all are covered
with served as (
    select distinct user_id from read_parquet($files) where catalog = $catalog
),
active_users as (
    select users.user_id
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog and users.is_active
)
select
    count(active_users.user_id) as n_users,
    count(*) filter (active_users.user_id is not null and served.user_id is not null) as n_covered,
    count(*) filter (active_users.user_id is null) as n_strangers,
    coalesce(n_covered / nullif(n_users, 0), 1)::double as covered_share
from active_users
full join served on served.user_id = active_users.user_id;
