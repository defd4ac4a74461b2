-- purpose: a table of two labelings side by side; an empty fingerprint stands for the combined labels
-- grain: one row per question that both have answered; truth is null where nobody reviewed it, or where people's own word is compared
create or replace temp table compared as
with questions as (
    select question_key, min(item_id) as item_id, min(other_item_id) as other_item_id, min(user_id) as user_id
    from label_questions
    where catalog = $catalog and task = $task
    group by question_key
),
answers as (
    select fingerprint, question_key, answer, confidence, false as is_of_people from label_answers where task = $task
    union all
    select '', question_key, answer, confidence, source = 'people' from combined_labels where catalog = $catalog and task = $task
)
select
    questions.question_key, questions.item_id, questions.other_item_id, questions.user_id,
    coalesce(a.answer, '(none of these)') as before, a.confidence as before_confidence,
    coalesce(b.answer, '(none of these)') as after, b.confidence as after_confidence,
    case
        when people.question_key is not null and not a.is_of_people and not b.is_of_people
            then coalesce(people.answer, '(none of these)')
    end as truth,
    people.question_key is not null and (a.is_of_people or b.is_of_people) as is_circular
from questions
join answers as a on a.question_key = questions.question_key and a.fingerprint = $before
join answers as b on b.question_key = questions.question_key and b.fingerprint = $after
left join person_labels as people on people.catalog = $catalog and people.task = $task
    and people.question_key = questions.question_key;
