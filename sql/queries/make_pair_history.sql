-- purpose: what is known of each pair as of a day, and in which fold it is held out as truth (null: in none)
-- grain: one row per user and item of the catalog; a fold holds floor(n * share) of a user's n pairs, at least one of
-- two or more as long as there are any: fold 0 the first in the order, fold 1 the next; rows lie in the order of users
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
),
sized as (
    select *, greatest(floor(n_pairs * $holdout_share), 1)::bigint as n_a_fold from ordered
)
select
    user_id, item_id, weight, grade, is_seen, occurred_at,
    date_diff('second', occurred_at, $as_of_end) / 86400.0 as age_days,
    case
        when n_pairs >= 2 and $holdout_share > 0 and place <= $folds * n_a_fold then ((place - 1) // n_a_fold)::integer
    end as fold
from sized
union all
select
    user_id, item_id, weight, grade, is_seen, occurred_at,
    date_diff('second', occurred_at, $as_of_end) / 86400.0,
    null
from pairs
where not is_seen
order by user_id;
