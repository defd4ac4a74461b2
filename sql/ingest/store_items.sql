-- purpose: take over the stored items; a changed content gets a new hash and a new changed_at
-- grain: one row per item
insert into items
select
    $catalog, item_id, title, text, author, url, category, language, published_at, price, attributes,
    sha256(concat_ws(chr(31), title, text, author))[1:32] as content_hash,
    true, $now, $now, $run_id
from sorted_items
where verdict = 'stored'
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
