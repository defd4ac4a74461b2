-- purpose: some items of any catalog as a labeler reads them; a vector only where $model made it
-- grain: one row per catalog and item of $contents
with wanted as (
    select distinct one.catalog, one.item_id
    from (select unnest($contents::struct(catalog text, item_id text)[]) as one)
)
select wanted.catalog, wanted.item_id, items.content_hash, items.title, items.text, vectors.vector
from wanted
join items on items.catalog = wanted.catalog and items.item_id = wanted.item_id
left join current_item_vectors as vectors
    on vectors.catalog = wanted.catalog and vectors.item_id = wanted.item_id and vectors.model = $model
order by wanted.catalog, wanted.item_id;
