-- purpose: the vectors of a catalog's items, gone ones too
-- grain: one row per item that has a vector
select item_id, vector from current_item_vectors where catalog = $catalog;
