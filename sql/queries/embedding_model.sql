-- purpose: the model that embedded this catalog's items
-- grain: one row
select labeler from active_fingerprints where catalog = $catalog and task = 'embed_items';
