-- purpose: how much of the publication that was the latest (Parquet files $files_before) is recommended again in $files
-- grain: one row, for catalog $catalog; n_compared counts earlier recommendations that could be given again on $as_of_end: the user and the item are active and the user has not met the item since
with seen as (
    select user_id, item_id
    from weighted_interactions
    where catalog = $catalog and coalesce(is_seen, true) and (occurred_at is null or occurred_at < $as_of_end)
    union all
    select user_id, item_id from onboarding_answers where catalog = $catalog
),
active_users as (
    select users.user_id
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog and users.is_active
),
-- Two pairs of one hash in many millions don't change a share, and numbers take less memory than names.
possible as (
    select earlier.user_id, hash(earlier.user_id, earlier.item_id) as pair
    from read_parquet($files_before) as earlier
    semi join active_users on active_users.user_id = earlier.user_id
    semi join items on items.catalog = earlier.catalog and items.item_id = earlier.item_id and items.is_active
    anti join seen on seen.user_id = earlier.user_id and seen.item_id = earlier.item_id
    where earlier.catalog = $catalog
),
given as (
    select hash(user_id, item_id) as pair from read_parquet($files) where catalog = $catalog
),
compared as (
    select possible.user_id, possible.pair in (select given.pair from given) as is_kept from possible
)
select
    count(*) as n_compared,
    count(*) filter (is_kept) as n_kept,
    coalesce(min(user_id, 5) filter (not is_kept), []) as changed_users
from compared;
