-- purpose: what users liked in other catalogs of their space, or named when they came, embedded by the same model
-- grain: one row per user and item of another catalog, by user
create or replace temp table foreign_pairs as
with known as (
    select user_id, catalog, item_id, occurred_at, weight
    from weighted_interactions
    where
        user_space = $user_space
        and catalog <> $catalog
        and weight > 0
        and (occurred_at is null or occurred_at < $as_of_end)
    union all
    select user_id, catalog, item_id, null, 1.0
    from onboarding_answers
    where user_space = $user_space and catalog <> $catalog
)
select
    liked.user_id,
    liked.catalog || '/' || liked.item_id as item_id,
    any_value(items.title) as title,
    max(liked.weight) as weight,
    date_diff('second', max(liked.occurred_at), $as_of_end) / 86400.0 as age_days
from known as liked
join items on items.catalog = liked.catalog and items.item_id = liked.item_id
where
    exists (
        select 1 from current_item_vectors as vectors
        where vectors.catalog = liked.catalog and vectors.item_id = liked.item_id and vectors.model = $model
    )
group by liked.user_id, liked.catalog, liked.item_id
order by liked.user_id;
