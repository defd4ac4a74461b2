-- purpose: the orders that a labeler gave to lists of items of some users
-- grain: one row per profile and list as it was shown
select profile_hash, content_hashes, ranks, reason
from judge_rankings
where fingerprint = $fingerprint and profile_hash in (select unnest($profile_hashes))
order by profile_hash, content_hashes;
