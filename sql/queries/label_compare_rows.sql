-- purpose: a part of the answers that changed, with titles and reasons, for a spreadsheet; see label_compare_order
-- grain: one row per question whose place lies between $first and $last; an empty fingerprint stands for the combined labels
with part as materialized (
    select * from changed where place between $first and $last
),
reasons as materialized (
    select question_key, fingerprint, reason
    from label_answers
    where task = $task and fingerprint in ($before, $after) and question_key in (select question_key from part)
),
people as (
    select question_key, coalesce(answer, '(none of these)') as answer
    from person_labels
    where catalog = $catalog and task = $task
)
select
    $catalog as catalog, part.item_id, a.title, part.other_item_id, b.title as other_title, part.user_id,
    part.before, round(part.before_confidence, 4) as before_confidence, coalesce(old.reason, '') as before_reason,
    part.after, round(part.after_confidence, 4) as after_confidence, coalesce(new.reason, '') as after_reason,
    people.answer as person
from part
left join reasons as old on old.question_key = part.question_key and old.fingerprint = $before
left join reasons as new on new.question_key = part.question_key and new.fingerprint = $after
left join people on people.question_key = part.question_key
left join items as a on a.catalog = $catalog and a.item_id = part.item_id
left join items as b on b.catalog = $catalog and b.item_id = part.other_item_id
order by part.place;
