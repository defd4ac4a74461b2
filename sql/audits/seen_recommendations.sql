-- purpose: recommendations of what the user had met before $as_of_end or named when they came, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
with seen as (
    select user_id, item_id
    from weighted_interactions
    where catalog = $catalog and coalesce(is_seen, true) and (occurred_at is null or occurred_at < $as_of_end)
    union
    select user_id, item_id from onboarding_answers where catalog = $catalog
)
select scored.user_id, scored.item_id, scored.title, scored.rank, count(*) over () as n_bad
from read_parquet($files) as scored
join seen on seen.user_id = scored.user_id and seen.item_id = scored.item_id
where scored.catalog = $catalog
order by scored.user_id, scored.rank
limit 100;
