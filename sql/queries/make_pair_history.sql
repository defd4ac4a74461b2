-- purpose: what is known of each pair as of a day, and which pairs are held out as truth
-- grain: one row per user and item of the catalog; of a user's n pairs the latest floor(n * share) are held out,
-- at least one of two or more
create or replace temp table pair_history as
with pairs as (
    select
        interactions.user_id,
        interactions.item_id,
        max(interactions.weight) as weight,
        max(interactions.grade) as grade,
        coalesce(bool_or(interactions.is_seen), true) as is_seen,
        max(interactions.occurred_at) as occurred_at
    from weighted_interactions as interactions
    where interactions.catalog = $catalog and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
    group by interactions.user_id, interactions.item_id
),
ordered as (
    select
        *,
        row_number() over (
            partition by user_id
            order by
                case when $is_random then sha256(user_id || chr(31) || item_id) end,
                occurred_at desc nulls last,
                item_id
        ) as place,
        count(*) over (partition by user_id) as n_pairs
    from pairs
    where is_seen
)
select
    user_id, item_id, weight, grade, is_seen, occurred_at,
    date_diff('second', occurred_at, $as_of_end) / 86400.0 as age_days,
    place <= case
        when n_pairs < 2 or $holdout_share = 0 then 0 else greatest(floor(n_pairs * $holdout_share), 1)
    end as is_held_out
from ordered
union all
select
    user_id, item_id, weight, grade, is_seen, occurred_at,
    date_diff('second', occurred_at, $as_of_end) / 86400.0,
    false
from pairs
where not is_seen;
