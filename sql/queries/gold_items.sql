-- purpose: the items that people filed under a topic, with their vectors, for a prompt to show the nearest of them
-- grain: one row per content hash that people agree on; topic is null for none of these
with contents as (
    select items.content_hash, min(items.title) as title, any_value(vectors.vector) as vector
    from items
    join current_item_vectors as vectors on vectors.catalog = items.catalog and vectors.item_id = items.item_id
    where items.catalog = $catalog
    group by items.content_hash
)
select contents.content_hash, contents.title, said.answer as topic, contents.vector
from person_labels as said
join contents on contents.content_hash = said.question_key
where said.catalog = $catalog and said.task = 'topics'
order by said.reviewed_at desc, contents.content_hash
limit $most;
