-- purpose: today's verdict on each pair of near items, as published; items of equal content are similar without one
-- grain: one row per active item of catalog $catalog and near item, both ways round, the 50 nearest of each item
with active_items as (
    select item_id, content_hash from items where catalog = $catalog and is_active
),
verdicts as (
    select hash_a as from_hash, hash_b as to_hash, cosine, is_similar, confidence, labeler
    from current_similarity_labels
    where catalog = $catalog
    union all
    select hash_b, hash_a, cosine, is_similar, confidence, labeler
    from current_similarity_labels
    where catalog = $catalog
    union all
    select content_hash, content_hash, 1, true, 1, 'identical'
    from active_items
    group by content_hash
    having count(*) > 1
)
select
    $catalog as catalog,
    here.item_id,
    there.item_id as similar_item_id,
    verdicts.cosine,
    verdicts.is_similar,
    verdicts.confidence,
    verdicts.labeler
from verdicts
join active_items as here on here.content_hash = verdicts.from_hash
join active_items as there on there.content_hash = verdicts.to_hash and there.item_id <> here.item_id
qualify row_number() over (partition by here.item_id order by verdicts.cosine desc, there.item_id) <= 50;
