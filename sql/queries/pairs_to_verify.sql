-- purpose: pairs of near items that have no similarity label under today's fingerprint
-- grain: one row per pair of content hashes, both of active items; a topic is '' where none is known
with due as (
    select pairs.hash_a, pairs.hash_b, pairs.cosine
    from similar_pairs as pairs
    where
        pairs.catalog = $catalog
        and pairs.fingerprint = $pairs_fingerprint
        and not exists (
            select 1 from similarity_labels as labels
            where labels.hash_a = pairs.hash_a and labels.hash_b = pairs.hash_b and labels.fingerprint = $fingerprint
        )
),
wanted as (
    select hash_a as content_hash from due
    union
    select hash_b from due
),
topics as (
    select content_hash, any_value(primary_topic) as topic
    from current_topic_labels
    where catalog = $catalog and content_hash in (select content_hash from wanted)
    group by content_hash
),
active_items as (
    select
        items.content_hash, any_value(items.title) as title, any_value(items.text) as text,
        any_value(items.author) as author, coalesce(any_value(topics.topic), '') as topic
    from items
    left join topics on topics.content_hash = items.content_hash
    where items.catalog = $catalog and items.is_active and items.content_hash in (select content_hash from wanted)
    group by items.content_hash
)
select
    due.hash_a, due.hash_b, due.cosine,
    a.title as title_a, a.text as text_a, a.author as author_a, a.topic as topic_a,
    b.title as title_b, b.text as text_b, b.author as author_b, b.topic as topic_b
from due
join active_items as a on a.content_hash = due.hash_a
join active_items as b on b.content_hash = due.hash_b
order by due.hash_a, due.hash_b;
