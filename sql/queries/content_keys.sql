-- purpose: under which hash the contents of some items stand today
-- grain: one row per active item that has a vector
select item_id, content_hash
from current_item_vectors
where catalog = $catalog and is_active and item_id in (select unnest($item_ids));
