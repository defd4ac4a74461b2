-- purpose: the pairs with an event after which the user never wants the item again, known as of the day; needs pair_history
-- grain: one row per user and item, by user; fold: that which holds the pair out as truth (null: none)
create or replace temp table blocked_pairs as
select distinct interactions.user_id, interactions.item_id, pairs.fold
from interactions
left join pair_history as pairs on pairs.user_id = interactions.user_id and pairs.item_id = interactions.item_id
where
    interactions.catalog = $catalog
    and list_contains($events, interactions.event)
    and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
order by interactions.user_id, interactions.item_id;
