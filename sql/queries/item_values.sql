-- purpose: the values (ratings, say) that items got, and when, as of a day and without what the fold holds out
-- grain: one row per interaction
select
    interactions.item_id,
    interactions.value,
    date_diff('second', interactions.occurred_at, $as_of_end) / 86400.0 as age_days
from interactions
left join pair_history as pairs on pairs.user_id = interactions.user_id and pairs.item_id = interactions.item_id
where
    interactions.catalog = $catalog
    and (interactions.occurred_at is null or interactions.occurred_at < $as_of_end)
    and ($fold::integer is null or pairs.fold is distinct from $fold::integer)
order by interactions.item_id, interactions.row_hash;
