-- purpose: keep the refused items with their place and reason
-- grain: one row per refused item
insert into quarantine
select
    $catalog, 'items', file, line, reason,
    to_json(columns_of_row)::text,
    sha256(concat_ws(chr(31), line, reason, to_json(columns_of_row)::text)),
    $run_id, $run_id
from (
    select file, line, reason, struct_pack(item_id, title, text, author, url, category, language, published_at, price, attributes) as columns_of_row
    from sorted_items
    where verdict = 'refused'
)
on conflict do update set last_seen_run = excluded.last_seen_run;
