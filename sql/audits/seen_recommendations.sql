-- purpose: recommendations of what the user had met before $as_of_end or named when they came, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
-- Numbers take less memory than names; only pairs whose number was met are compared by name.
with seen as (
    select user_id, item_id
    from weighted_interactions
    where catalog = $catalog and coalesce(is_seen, true) and (occurred_at is null or occurred_at < $as_of_end)
    union all
    select user_id, item_id from onboarding_answers where catalog = $catalog
),
suspected as (
    select scored.user_id, scored.item_id, scored.title, scored.rank
    from read_parquet($files) as scored
    semi join (select hash(user_id, item_id) as pair from seen) as met on met.pair = hash(scored.user_id, scored.item_id)
    where scored.catalog = $catalog
)
select suspected.user_id, suspected.item_id, suspected.title, suspected.rank, count(*) over () as n_bad
from suspected
semi join seen on seen.user_id = suspected.user_id and seen.item_id = suspected.item_id
order by suspected.user_id, suspected.rank
limit 100;
