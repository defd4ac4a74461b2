-- purpose: the values (ratings, say) that items got, as of a day and without what is held out
-- grain: one row per interaction
select interactions.item_id, interactions.value
from interactions
left join pair_history as pairs on pairs.user_id = interactions.user_id and pairs.item_id = interactions.item_id
where
    interactions.catalog = $catalog
    and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
    and not ($is_holdout and coalesce(pairs.is_held_out, false))
order by interactions.item_id, interactions.row_hash;
