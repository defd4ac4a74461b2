-- purpose: the found pairs that are not known yet; without a key the table needs no index in memory
-- grain: one row per pair of content hashes
insert into similar_pairs (catalog, hash_a, hash_b, fingerprint, cosine, run_id)
select $catalog, found.hash_a, found.hash_b, $fingerprint, found.cosine, $run_id
from found_pairs as found
where not exists (
    select 1 from similar_pairs as known
    where
        known.catalog = $catalog and known.fingerprint = $fingerprint
        and known.hash_a = found.hash_a and known.hash_b = found.hash_b
)
order by found.hash_a, found.hash_b;
