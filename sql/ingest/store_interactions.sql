-- purpose: take over the interactions that are new; an interaction once stored stays, for sources may be daily extracts
-- grain: one row per interaction
insert into interactions
select $catalog, staged.user_id, staged.item_id, staged.event, staged.value, staged.occurred_at, $now
from staged_interactions as staged
anti join dropped_interactions as dropped on dropped.place = staged.rowid
anti join (select * from interactions where catalog = $catalog) as stored
    on stored.user_id = staged.user_id
    and stored.item_id = staged.item_id
    and stored.event = staged.event
    and stored.value is not distinct from staged.value
    and stored.occurred_at is not distinct from staged.occurred_at;
