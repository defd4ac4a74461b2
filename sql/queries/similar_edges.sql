-- purpose: which active items are near-duplicates: verified pairs above the threshold, and items of equal content
-- grain: one row per pair of item ids
select a.item_id as item_a, b.item_id as item_b
from current_similarity_labels as labels
join items as a on a.catalog = labels.catalog and a.content_hash = labels.hash_a and a.is_active
join items as b on b.catalog = labels.catalog and b.content_hash = labels.hash_b and b.is_active
where labels.catalog = $catalog and labels.is_similar
union all
select min(item_id) over (partition by content_hash), item_id
from items
where catalog = $catalog and is_active
qualify count(*) over (partition by content_hash) > 1
order by 1, 2;
