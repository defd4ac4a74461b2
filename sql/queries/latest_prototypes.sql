-- purpose: the prototypes fitted last for this taxonomy and embedding
-- grain: one row
select version, n_items, prototypes
from topic_prototypes
where catalog = $catalog and basis_hash = $basis_hash
order by fitted_at desc
limit 1;
