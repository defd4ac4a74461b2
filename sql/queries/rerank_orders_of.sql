-- purpose: the orders that were given to windows of some users' lists
-- grain: one row per profile and window as it was shown
select profile_hash, content_hashes, ranks
from rerank_orders
where fingerprint = $fingerprint and profile_hash in (select unnest($profile_hashes));
