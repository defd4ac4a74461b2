-- purpose: what some users have already met in this catalog, as of a day
-- grain: one row per user and content hash
select distinct interactions.user_id, items.content_hash
from interactions
join items on items.catalog = interactions.catalog and items.item_id = interactions.item_id
where
    interactions.catalog = $catalog
    and list_contains($user_ids, interactions.user_id)
    and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end);
