-- purpose: a table of what today's labelers, and the label that counts, say of a task's questions, with what people say
-- grain: one row per question and voice; truth is null where nobody has reviewed, or where the answer is a person's itself
create or replace temp table report_answers as
with questions as (
    select question_key, min(item_id) as item_id, min(other_item_id) as other_item_id, min(user_id) as user_id
    from label_questions
    where catalog = $catalog and task = $task
    group by question_key
),
people as (
    select question_key, coalesce(answer, '(none of these)') as answer
    from person_labels
    where catalog = $catalog and task = $task
),
answers as (
    select question_key, fingerprint, answer, confidence, requests, tokens_in + tokens_out as tokens, cost_usd
    from label_answers
    where task = $task
    union all
    -- who describes an item says that the description is right
    select content_hash, fingerprint, 'true', confidence, requests, tokens_in + tokens_out, cost_usd
    from enrichments
    where $task = 'enrich'
),
said as (
    select
        answers.question_key, members.position, members.role, members.voice, members.fingerprint, answers.answer,
        answers.confidence, answers.requests, answers.tokens, answers.cost_usd, false as is_of_people
    from answers
    join report_members as members on members.fingerprint = answers.fingerprint
    union all
    select
        question_key, 1000, 'counts', 'the label that counts', '', answer, confidence, 0, 0, 0.0, source = 'people'
    from combined_labels
    where catalog = $catalog and task = $task
)
select
    said.* exclude (answer, is_of_people), questions.item_id, questions.other_item_id, questions.user_id,
    coalesce(said.answer, '(none of these)') as answer, case when not is_of_people then people.answer end as truth
from said
join questions on questions.question_key = said.question_key
left join people on people.question_key = said.question_key;
