-- purpose: contents of a catalog's active items that a run has embedded so far
-- grain: one row
select count(*) as n_contents
from embeddings
where
    fingerprint = $fingerprint
    and run_id = $run_id
    and content_hash in (select content_hash from items where catalog = $catalog and is_active);
