-- purpose: the vectors of a catalog's active items, each content once
-- grain: one row per content hash
select content_hash, min(item_id) as item_id, any_value(vector) as vector
from current_item_vectors
where catalog = $catalog and is_active
group by content_hash
order by content_hash;
