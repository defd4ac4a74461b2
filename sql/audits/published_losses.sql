-- purpose: active users who had a list in the publication that was the latest (Parquet files $files_before) and have none in $files
-- grain: one row, for catalog $catalog
with active_users as (
    select users.user_id
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog and users.is_active
),
earlier as (
    select distinct user_id from read_parquet($files_before) where catalog = $catalog
),
lost as (
    select earlier.user_id
    from earlier
    semi join active_users on active_users.user_id = earlier.user_id
    anti join (select user_id from read_parquet($files) where catalog = $catalog) as served
        on served.user_id = earlier.user_id
)
select count(*) as n_lost, coalesce(min(user_id, 5), []) as lost_users from lost;
