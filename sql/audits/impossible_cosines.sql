-- purpose: verified pairs whose cosine can't be one, or that pair a content with itself
-- grain: one row per pair of content hashes, at most 100; n_bad counts all of them
select hash_a, hash_b, cosine, labeler, count(*) over () as n_bad
from current_similarity_labels
-- float32 vectors of unit length can be a rounding error above 1
where catalog = $catalog and (hash_a >= hash_b or cosine < -1.00001 or cosine > 1.00001)
order by hash_a, hash_b
limit 100;
