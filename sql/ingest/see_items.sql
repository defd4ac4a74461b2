-- purpose: items that the source still has as they are stored
-- grain: one row per item
update items set is_active = true, last_seen_run = $run_id
from sorted_items
where items.catalog = $catalog
    and items.item_id = sorted_items.item_id
    and sorted_items.verdict = 'stored'
    and (items.last_seen_run <> $run_id or not items.is_active);
