-- purpose: take over the stored interactions; an interaction once stored stays, for sources may be daily extracts
-- grain: one row per interaction
insert or ignore into interactions
select $catalog, user_id, item_id, event, value, occurred_at, row_hash, $now
from sorted_interactions
where verdict = 'stored';
