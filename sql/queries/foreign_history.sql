-- purpose: what some users liked in other catalogs of their space, embedded by the same model
-- grain: one row per user and item of another catalog
select
    liked.user_id,
    liked.catalog || '/' || liked.item_id as item_id,
    any_value(items.title) as title,
    max(liked.weight) as weight,
    date_diff('second', max(liked.occurred_at), $as_of_end) / 86400.0 as age_days
from weighted_interactions as liked
join items on items.catalog = liked.catalog and items.item_id = liked.item_id
where
    liked.user_space = $user_space
    and liked.catalog <> $catalog
    and list_contains($user_ids, liked.user_id)
    and liked.weight > 0
    and (liked.occurred_at is null or liked.occurred_at < $as_of_end)
    and exists (
        select 1 from current_item_vectors as vectors
        where vectors.catalog = liked.catalog and vectors.item_id = liked.item_id and vectors.model = $model
    )
group by liked.user_id, liked.catalog, liked.item_id
order by liked.user_id, item_id;
