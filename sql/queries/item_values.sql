-- purpose: how often each item was chosen and what values (ratings, say) it got, by age, as of a day and without what the fold holds out
-- grain: one row per item and day of age, null where the time is unknown; sums are of whole millionths, so that their order does not show
with chosen as (
    select
        interactions.item_id,
        interactions.value,
        date_diff('second', interactions.occurred_at, $as_of_end) / 86400.0 as age_days
    from interactions
    where
        interactions.catalog = $catalog
        and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
        and not exists (
            select 1 from pair_history as pairs
            where
                pairs.fold = $fold::integer
                and pairs.user_id = interactions.user_id
                and pairs.item_id = interactions.item_id
        )
)
select
    item_id,
    least(floor(greatest(age_days, 0.0)), $max_days - 1)::integer as day,
    max(greatest(age_days, 0.0)) as age_days,
    count(*) as n,
    count(value) as n_values,
    coalesce(sum(round(value * 1e6)::hugeint)::double / 1e6, 0.0) as total
from chosen
group by item_id, day
order by item_id, day;
