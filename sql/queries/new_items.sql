-- purpose: items that are new: published lately, or without any interaction that a fold knows
-- grain: one row per active item
select items.item_id
from items
where
    items.catalog = $catalog and items.is_active
    and (
        items.published_at >= $since
        or not exists (
            select 1 from pair_history as pairs where pairs.item_id = items.item_id and pairs.fold is distinct from $fold::integer
        )
    )
order by items.item_id;
