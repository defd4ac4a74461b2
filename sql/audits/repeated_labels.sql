-- purpose: questions that have more than one label of today's producer, and near pairs and looked-up contents that are there twice
-- grain: one row per question, at most 100; n_bad counts all of them
with producers as (
    select task, fingerprint from active_fingerprints where catalog = $catalog
),
answers as (
    select 'enrich' as task, content_hash as question_key, fingerprint from enrichments
    union all
    select 'topics', content_hash, fingerprint from topic_labels
    union all
    select 'similar', hash_a || '|' || hash_b, fingerprint from similarity_labels
    union all
    select 'judge', profile_hash || '|' || content_hash, fingerprint from judge_labels
    union all
    select 'rewrite', question_key, fingerprint from user_queries
    union all
    select 'similar_pairs', hash_a || '|' || hash_b, fingerprint from similar_pairs where catalog = $catalog
    union all
    select 'similar_pairs', content_hash, fingerprint from neighbour_scans where catalog = $catalog
),
repeated as (
    select answers.task, answers.question_key, count(*) as n_labels
    from answers
    join producers on producers.task = answers.task and producers.fingerprint = answers.fingerprint
    group by answers.task, answers.question_key
    having count(*) > 1
)
select task, question_key, n_labels, count(*) over () as n_bad
from repeated
order by task, question_key
limit 100;
