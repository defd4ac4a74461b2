-- purpose: series by their titles, the same but for a number: Dune / Dune 2 / Dune: Part III / Dune, Vol. 4: The Return
-- grain: one row per item whose title is shared in this way; a year in parentheses behind a title is no part of it
insert into relation_values
with tidy as (
    select item_id, trim(regexp_replace(regexp_replace(title, '\s*\(\d{4}\)\s*$', ''), '(?i),\s+(the|a|an)$', '')) as title
    from items
    where catalog = $catalog
),
split as (
    select
        item_id,
        title,
        regexp_extract(
            title,
            '(?i)^(.+?)[\s,:;.–-]*\b(?:(part|vol|volume|book|episode|chapter|season)\.?\s+|#|\s)'
            || '([0-9]{1,3}|[ivx]{1,5}|one|two|three|four|five|six|seven|eight|nine|ten)(?:\s*[:–—-]\s.*)?$',
            ['stem', 'marker', 'number']
        ) as parts
    from tidy
),
numbered as (
    select
        item_id,
        title,
        parts.stem as stem,
        coalesce(
            case when parts.marker <> '' or length(parts.number) < 3 then try_cast(parts.number as integer) end,
            list_position(
                [
                    'i', 'ii', 'iii', 'iv', 'v', 'vi', 'vii', 'viii', 'ix', 'x', 'xi', 'xii', 'xiii', 'xiv', 'xv', 'xvi',
                    'xvii', 'xviii', 'xix', 'xx'
                ],
                lower(parts.number)
            ),
            case
                when parts.marker <> '' then
                    list_position(
                        ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'],
                        lower(parts.number)
                    )
            end
        ) as part
    from split
),
named as (
    select
        item_id,
        case when part is null then 1 else part end as part,
        part is not null as has_number,
        trim(
            regexp_replace(
                regexp_replace(lower(case when part is null then title else stem end), '[^\p{L}\p{N}]+', ' ', 'g'),
                '^\s*(the|a|an)\s', ''
            )
        ) as stem
    from numbered
),
shared as (
    select stem
    from named
    where length(stem) >= 3
    group by stem
    having bool_or(has_number) and count(distinct part) > 1
)
select 'series', 'titles', named.item_id, named.stem, named.part
from named
join shared on shared.stem = named.stem;
