-- purpose: fields of items by their JSON paths, as rules name them
-- grain: one row per item of catalog $catalog; texts and kinds have a value for each of $paths
with told as (
    select
        item_id,
        json_object(
            'title', title, 'author', author, 'url', url, 'category', category, 'language', language, 'price', price,
            'age_days', date_diff('second', published_at, $as_of_end) / 86400.0, 'attributes', attributes
        ) as fields
    from items
    where catalog = $catalog
)
select item_id, json_extract_string(fields, $paths) as texts, json_type(fields, $paths) as kinds
from told
order by item_id;
