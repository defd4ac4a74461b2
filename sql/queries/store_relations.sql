-- purpose: the pairs of items that share a value, the parts that follow one another, and near items of one subject
-- grain: one row per item, active related item and relation; of several sources for it the one of the highest strength
insert into item_relations
with narrow as (
    select relation, source, value
    from relation_values
    group by all
    having count(distinct item_id) between 2 and $max_items
),
members as (
    select values_of.*
    from relation_values as values_of
    join narrow
        on narrow.relation = values_of.relation and narrow.source = values_of.source and narrow.value = values_of.value
),
shared as (
    select a.relation, a.source, a.item_id, b.item_id as related_id
    from members as a
    join members as b
        on b.relation = a.relation and b.source = a.source and b.value = a.value and b.item_id <> a.item_id
),
places as (
    select distinct source, value, part from members where relation = 'series' and part is not null
),
next_parts as (
    select source, value, part, lead(part) over (partition by source, value order by part) as next_part from places
),
sequels as (
    select 'sequel' as relation, a.source, a.item_id, b.item_id as related_id
    from members as a
    join next_parts as step on step.source = a.source and step.value = a.value and step.part = a.part
    join members as b
        on b.relation = a.relation and b.source = a.source and b.value = a.value and b.part = step.next_part
    where a.relation = 'series' and b.item_id <> a.item_id
),
contents as (
    select content_hash, list(item_id) as item_ids
    from items
    where catalog = $catalog and is_active
    group by content_hash
    having count(*) <= $max_items
),
near as (
    select a.item_ids as ids_a, b.item_ids as ids_b
    from current_similarity_labels as labels
    join contents as a on a.content_hash = labels.hash_a
    join contents as b on b.content_hash = labels.hash_b
    where labels.catalog = $catalog and labels.is_same_topic and not labels.is_similar
),
near_pairs as (
    select unnest(ids_a) as id_a, ids_b from near
),
same_subject as (
    select id_a, unnest(ids_b) as id_b from near_pairs
),
found as (
    select * from shared
    union all
    select * from sequels
    union all
    select 'same_story', 'similarity labels', id_a, id_b from same_subject
    union all
    select 'same_story', 'similarity labels', id_b, id_a from same_subject
),
weighed as (
    select
        found.*,
        case relation
            when 'sequel' then 1.0 when 'series' then 0.8 when 'same_story' then 0.7 when 'author' then 0.6 else 0.3
        end
        * case
            when source = 'titles' then 0.9 when source = 'similarity labels' then 0.8 when source ^@ 'enrichment:' then 0.7
            else 1.0
        end as strength
    from found
)
select
    $catalog, weighed.item_id, weighed.related_id, weighed.relation,
    first(weighed.source order by weighed.strength desc, weighed.source),
    round(max(weighed.strength), 6),
    $run_id
from weighed
join items on items.catalog = $catalog and items.item_id = weighed.related_id and items.is_active
group by weighed.item_id, weighed.related_id, weighed.relation
order by weighed.item_id, weighed.relation, weighed.related_id;
