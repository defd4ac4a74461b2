-- purpose: the relevance labels of some users under a fingerprint
-- grain: one row per profile and content hash
select profile_hash, content_hash, relevance, confidence, reason
from judge_labels
where fingerprint = $fingerprint and profile_hash in (select unnest($profile_hashes))
order by profile_hash, content_hash;
