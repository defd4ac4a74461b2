-- purpose: the explanations that were given to some users, with what makes one unfit to be served
-- grain: one row per question
select question_key, explanation, content, popularity, diversity, "time", len(ungrounded) = 0 as is_grounded, labeler
from explanations
where fingerprint = $fingerprint and profile_hash in (select unnest($profile_hashes));
