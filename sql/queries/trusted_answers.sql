-- purpose: what counts where people have not spoken: the combined label, else the first labeler's
-- grain: one row per question of a task that people have labeled too
with ranked as (
    select question_key, answer, confidence, 1 as precedence
    from combined_labels
    where catalog = $catalog and task = $task and source <> 'people'
    union all
    select answers.question_key, answers.answer, answers.confidence, 2
    from active_fingerprints as active
    join label_answers as answers on answers.task = active.task and answers.fingerprint = active.fingerprint
    where active.catalog = $catalog and active.task = $task
)
select question_key, answer, confidence
from ranked
where question_key in (select question_key from person_labels where catalog = $catalog and task = $task)
qualify row_number() over (partition by question_key order by precedence) = 1
order by question_key;
