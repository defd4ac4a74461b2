-- purpose: what some users never want again: pairs with an event after which the item is blocked, known as of the day
-- grain: one row per user and item, but for what the fold holds out
select distinct interactions.user_id, interactions.item_id
from interactions
left join pair_history as pairs on pairs.user_id = interactions.user_id and pairs.item_id = interactions.item_id
where
    interactions.catalog = $catalog
    and interactions.user_id in (select unnest($user_ids))
    and list_contains($events, interactions.event)
    and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
    and ($fold::integer is null or pairs.fold is distinct from $fold::integer)
order by interactions.user_id, interactions.item_id;
