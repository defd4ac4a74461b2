-- purpose: whose labels count today for a catalog and task, the prompt they were made with, and how many there are
-- grain: one row, none where nobody has labeled yet; the prompt's columns are null where the labeler has none
with labels as (
    select 'enrich' as task, content_hash as question_key from current_enrichments where catalog = $catalog
    union
    select 'topics', content_hash from current_topic_labels where catalog = $catalog
    union
    select 'similar', hash_a || '|' || hash_b from current_similarity_labels where catalog = $catalog
    union
    select 'judge', profile_hash || '|' || content_hash from current_judge_labels where catalog = $catalog
    union
    select 'rank', profile_hash || '|' || array_to_string(content_hashes, '|')
    from judge_rankings
    join active_fingerprints as ranks using (fingerprint)
    where ranks.catalog = $catalog and ranks.task = 'rank'
    union
    select 'rewrite', question_key
    from user_queries
    join active_fingerprints as rewrites using (fingerprint)
    where rewrites.catalog = $catalog and rewrites.task = 'rewrite'
)
select
    active.labeler, active.fingerprint, versions.prompt_hash, versions.version, versions.note, versions.system_text,
    versions.user_text, versions.schema::text as schema,
    (select count(*) from labels where labels.task = active.task) as n_labels
from active_fingerprints as active
left join prompt_versions as versions on versions.prompt_hash = active.prompt_hash
where active.catalog = $catalog and active.task = $task;
