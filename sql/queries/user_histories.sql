-- purpose: what some users liked lately, in all catalogs of their space, newest first
-- grain: one row per user, catalog and item, at most $depth a user; topics are of this catalog's own items only
with known as (
    select user_id, catalog, item_id, occurred_at, weight
    from weighted_interactions
    where
        user_space = $user_space
        and list_contains($user_ids, user_id)
        and weight > 0
        and (occurred_at is null or occurred_at < $as_of_end)
    union all
    select user_id, catalog, item_id, null, 1.0
    from onboarding_answers
    where user_space = $user_space and list_contains($user_ids, user_id) and catalog is not null
),
liked as (
    select user_id, catalog, item_id, max(occurred_at) as occurred_at, max(weight) as weight
    from known
    group by user_id, catalog, item_id
    qualify
        row_number() over (partition by user_id order by max(occurred_at) desc nulls last, catalog, item_id) <= $depth
)
select liked.*, items.content_hash, items.title, items.text, vectors.vector, labels.primary_topic
from liked
join items on items.catalog = liked.catalog and items.item_id = liked.item_id
left join current_item_vectors as vectors on vectors.catalog = liked.catalog and vectors.item_id = liked.item_id
left join current_topic_labels as labels
    on labels.catalog = liked.catalog and labels.item_id = liked.item_id and liked.catalog = $catalog
order by liked.user_id, liked.occurred_at desc nulls last, liked.catalog, liked.item_id;
