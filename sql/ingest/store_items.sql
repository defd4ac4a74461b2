-- purpose: take over the items that are new or differ; a changed content gets a new hash and a new changed_at
-- grain: one row per item; to update a row as it is would cost half a millisecond, so those are only seen (see_items)
insert into items
with incoming as (
    select
        $catalog as catalog, item_id, title, text, author, url, category, language, published_at, price, attributes,
        sha256(concat_ws(chr(31), title, text, author))[1:32] as content_hash
    from sorted_items
    where verdict = 'stored'
)
select
    incoming.*, true, $now, $now, $run_id
from incoming
where not exists (
    select 1
    from items as known
    where known.catalog = incoming.catalog
        and known.item_id = incoming.item_id
        and known.content_hash = incoming.content_hash
        and known.title = incoming.title
        and known.author = incoming.author
        and known.url = incoming.url
        and known.category = incoming.category
        and known.language = incoming.language
        and known.published_at is not distinct from incoming.published_at
        and known.price is not distinct from incoming.price
        and known.attributes = incoming.attributes
)
on conflict (catalog, item_id) do update set
    changed_at = case when items.content_hash = excluded.content_hash then items.changed_at else excluded.changed_at end,
    title = excluded.title,
    text = excluded.text,
    author = excluded.author,
    url = excluded.url,
    category = excluded.category,
    language = excluded.language,
    published_at = excluded.published_at,
    price = excluded.price,
    attributes = excluded.attributes,
    content_hash = excluded.content_hash,
    is_active = true,
    last_seen_run = excluded.last_seen_run;
