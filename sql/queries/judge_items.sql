-- purpose: the active items of a catalog with their vectors, each content once, and whether their pairs have been drawn
-- grain: one row per content hash that has a vector
select
    vectors.content_hash,
    min(vectors.item_id) as item_id,
    bool_or(drawn.key_hash is not null) as is_drawn,
    any_value(vectors.vector) as vector
from current_item_vectors as vectors
left join judge_drawn as drawn
    on drawn.catalog = vectors.catalog and drawn.design = $design and drawn.kind = 'item'
    and drawn.key_hash = vectors.content_hash
where vectors.catalog = $catalog and vectors.is_active
group by vectors.content_hash
order by vectors.content_hash;
