-- purpose: the label that counts: a person's before a combined one, a combined one before a single labeler's
-- grain: one row per catalog, task (topics, similar, judge) and question that has any answer
with ranked as (
    select
        catalog, task, question_key, answer, confidence, null::double as score, 'person' as source, reviewers as labeler,
        note as reason, 1 as precedence
    from person_labels
    where task <> 'enrich'
    union all
    select
        catalog, task, question_key, answer, confidence, score, 'combined', 'combined:' || source, '', 2
    from combined_labels
    union all
    select
        active.catalog, answers.task, answers.question_key, answers.answer, answers.confidence, null, 'single',
        answers.labeler, answers.reason, 3
    from active_fingerprints as active
    join label_answers as answers on answers.task = active.task and answers.fingerprint = active.fingerprint
)
select * exclude (precedence)
from ranked
qualify row_number() over (partition by catalog, task, question_key order by precedence) = 1
