-- purpose: which staged item is stored, an exact duplicate, or refused because its id is taken by another content
-- grain: one row per staged item
create or replace temp table sorted_items as
with hashed as (
    select
        *,
        sha256(to_json(struct_pack(item_id, title, text, author, url, category, language, published_at, price, attributes))::text)
            as row_hash
    from staged_items
),
compared as (
    select
        *,
        row_number() over (partition by item_id, row_hash order by seq) as copy_number,
        first_value(row_hash) over (partition by item_id order by seq) as first_hash,
        first_value(file || ' line ' || line) over (partition by item_id order by seq) as first_place
    from hashed
)
select
    *,
    case when copy_number > 1 then 'duplicate' when row_hash = first_hash then 'stored' else 'refused' end as verdict,
    'item id ' || item_id || ' is already used with other content at ' || first_place as reason
from compared;
