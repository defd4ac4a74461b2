-- purpose: the answers that changed between two labelings, with titles and reasons, for a spreadsheet
-- grain: one row per question, those that people have reviewed first; an empty fingerprint stands for the combined labels
with questions as (
    select question_key, min(item_id) as item_id, min(other_item_id) as other_item_id, min(user_id) as user_id
    from label_questions
    where catalog = $catalog and task = $task
    group by question_key
),
answers as (
    select fingerprint, question_key, coalesce(answer, '(none of these)') as answer, confidence, reason
    from label_answers
    where task = $task
    union all
    select '', question_key, coalesce(answer, '(none of these)'), confidence, 'combined: ' || source
    from combined_labels
    where catalog = $catalog and task = $task
)
select
    $catalog as catalog, questions.item_id, items.title, questions.other_item_id, others.title as other_title,
    questions.user_id,
    a.answer as before, round(a.confidence, 4) as before_confidence, a.reason as before_reason,
    b.answer as after, round(b.confidence, 4) as after_confidence, b.reason as after_reason,
    case when people.question_key is not null then coalesce(people.answer, '(none of these)') end as person
from questions
join answers as a on a.question_key = questions.question_key and a.fingerprint = $before
join answers as b on b.question_key = questions.question_key and b.fingerprint = $after
left join person_labels as people on people.catalog = $catalog and people.task = $task
    and people.question_key = questions.question_key
left join items on items.catalog = $catalog and items.item_id = questions.item_id
left join items as others on others.catalog = $catalog and others.item_id = questions.other_item_id
where a.answer <> b.answer
order by people.question_key is null, before, after, questions.item_id, questions.question_key;
