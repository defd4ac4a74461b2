-- purpose: active contents without a topic label under today's fingerprint
-- grain: one row per content hash; vector is null where the item has none, and unless $with_vectors; with a $role only what
--   the cascade wants of it. Rows are picked by number, so that texts pass through and are never sorted or held.
with due as (
    select min(items.rowid) as number
    from items
    where
        items.catalog = $catalog
        and items.is_active
        and not exists (
            select 1 from topic_labels
            where topic_labels.content_hash = items.content_hash and topic_labels.fingerprint = $fingerprint
        )
        and ($role = '' or items.content_hash in (
            select question_key from cascade_questions where catalog = $catalog and role = $role
        ))
    group by items.content_hash
)
select items.content_hash, items.title, items.text, items.author, vectors.vector
from items
left join current_item_vectors as vectors
    on $with_vectors and vectors.catalog = items.catalog and vectors.item_id = items.item_id
where items.rowid in (select number from due);
