-- purpose: how far each labeling task has come: answered, abstained, dead, or simply missing
-- grain: one row per task that has a producer today for catalog $catalog
with producers as (
    select task, fingerprint from active_fingerprints where catalog = $catalog
),
active_items as (
    select distinct content_hash from items where catalog = $catalog and is_active
),
active_users as (
    select users.user_id, users.profile_hash
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog and users.is_active
),
questions as (
    select 'enrich' as task, content_hash as question_key from active_items
    union all
    select 'topics', content_hash from active_items
    union all
    select 'similar', pairs.hash_a || '|' || pairs.hash_b
    from similar_pairs as pairs
    join producers on producers.task = 'similar_pairs' and producers.fingerprint = pairs.fingerprint
    join active_items as a on a.content_hash = pairs.hash_a
    join active_items as b on b.content_hash = pairs.hash_b
    where pairs.catalog = $catalog
    union all
    select 'judge', samples.profile_hash || '|' || samples.content_hash
    from judge_samples as samples
    join producers on producers.task = 'judge_design' and producers.fingerprint = samples.design
    join items on items.catalog = samples.catalog and items.item_id = samples.item_id
        and items.content_hash = samples.content_hash and items.is_active
    join active_users on active_users.user_id = samples.user_id and active_users.profile_hash = samples.profile_hash
    where samples.catalog = $catalog
),
answers as (
    select 'enrich' as task, content_hash as question_key, fingerprint, false as is_abstention from enrichments
    union all
    select 'topics', content_hash, fingerprint, primary_topic is null from topic_labels
    union all
    select 'similar', hash_a || '|' || hash_b, fingerprint, false from similarity_labels
    union all
    select 'judge', profile_hash || '|' || content_hash, fingerprint, false from judge_labels
),
states as (
    select
        questions.task,
        answers.question_key is not null as is_answered,
        coalesce(answers.is_abstention, false) as is_abstention,
        answers.question_key is null and dead.question_key is not null as is_dead
    from questions
    join producers on producers.task = questions.task
    left join answers
        on answers.task = questions.task
        and answers.question_key = questions.question_key
        and answers.fingerprint = producers.fingerprint
    left join dead_letters as dead
        on dead.catalog = $catalog
        and dead.task = questions.task
        and dead.question_key = questions.question_key
        and dead.fingerprint = producers.fingerprint
),
-- A stage that ended in order before its work list did: what it left is no reason to keep yesterday's publication.
partial_stages as (
    select stage as task
    from stage_runs
    where catalog = $catalog and status in ('completed', 'partial')
    group by stage
    having arg_max(status, started_at) = 'partial'
)
select
    states.task,
    count(*) as n_questions,
    count(*) filter (is_answered) as n_answered,
    count(*) filter (is_abstention) as n_abstained,
    count(*) filter (is_dead) as n_dead,
    count(*) filter (not is_answered and not is_dead) as n_missing,
    count(*) filter (is_abstention) / count(*)::double as abstained_share,
    count(*) filter (is_dead) / count(*)::double as dead_letter_share,
    partial_stages.task is not null as is_partial,
    case when states.task in ('enrich', 'topics') and not is_partial then n_missing / count(*)::double end as missing_item_share,
    case when states.task in ('similar', 'judge') or is_partial then n_missing / count(*)::double end as missing_pair_share
from states
left join partial_stages on partial_stages.task = states.task
group by states.task, partial_stages.task
order by states.task;
