-- purpose: every answer that a labeler ever gave, in one shape; answer is a topic, 'true' or 'false', a grade, null for none of these
-- grain: one row per task, question and fingerprint
select
    'topics' as task, content_hash as question_key, fingerprint, labeler, primary_topic as answer, confidence, reason,
    requests, tokens_in, tokens_out, cost_usd, run_id, created_at
from topic_labels
union all
select
    'similar', hash_a || '|' || hash_b, fingerprint, labeler, is_similar::text,
    case when is_similar then confidence else 1 - confidence end, reason,
    requests, tokens_in, tokens_out, cost_usd, run_id, created_at
from similarity_labels
union all
select
    'judge', profile_hash || '|' || content_hash, fingerprint, labeler, relevance::text, confidence, reason,
    requests, tokens_in, tokens_out, cost_usd, run_id, created_at
from judge_labels
