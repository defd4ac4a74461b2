-- purpose: some active contents as the judge sees them, with their topics
-- grain: one row per content hash of $content_hashes that has a vector
select
    vectors.content_hash,
    any_value(items.title) as title,
    any_value(items.text) as text,
    any_value(items.author) as author,
    any_value(labels.topics) as topics,
    any_value(vectors.vector) as vector
from current_item_vectors as vectors
join items on items.catalog = vectors.catalog and items.item_id = vectors.item_id
left join current_topic_labels as labels on labels.catalog = vectors.catalog and labels.item_id = vectors.item_id
where
    vectors.catalog = $catalog and vectors.is_active
    and vectors.content_hash in (select unnest($content_hashes))
group by vectors.content_hash
order by vectors.content_hash;
