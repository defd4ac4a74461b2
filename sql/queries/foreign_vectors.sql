-- purpose: the vectors of items of other catalogs
-- grain: one row per item, its id with the catalog before it
select catalog || '/' || item_id as item_id, vector
from current_item_vectors
where list_contains($item_ids, catalog || '/' || item_id)
order by 1;
