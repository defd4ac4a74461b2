-- purpose: what items share by a field of theirs; capitals and blanks make no difference
-- grain: one row per item and value of the field, of which a list or a category with | holds several
insert into relation_values
with told as (
    select
        item_id,
        json_object('author', author, 'category', category, 'language', language, 'attributes', attributes) as fields
    from items
    where catalog = $catalog
),
found as (
    select
        item_id,
        json_extract(fields, $path) as field,
        try_cast(json_extract_string(fields, $part_path) as double) as part
    from told
),
split as (
    select
        item_id,
        part,
        unnest(
            case
                when json_type(field) = 'ARRAY' then json_extract_string(field, '$[*]')
                when $path = '$.category' then string_split(json_extract_string(field, '$'), '|')
                else [json_extract_string(field, '$')]
            end
        ) as value
    from found
)
select distinct
    $relation, 'field:' || $field, item_id, lower(trim(regexp_replace(value, '\s+', ' ', 'g'))) as shared, part
from split
where shared <> '';
