-- purpose: where labelers differ, first where two of them are surest of different answers
-- grain: one row per question, at most $most; distance is that of the farthest grades, 0 where answers have no order
with by_answer as (
    select question_key, answer, max(confidence) as confidence
    from report_answers
    where role <> 'counts'
    group by question_key, answer
),
differing as (
    select
        question_key, list_reverse_sort(list(confidence))[2] as weight,
        case when $is_ordinal then coalesce(max(try_cast(answer as integer)) - min(try_cast(answer as integer)), 0) else 0 end as distance
    from by_answer
    group by question_key
    having count(*) > 1
)
select question_key, weight, distance, count(*) over () as n_all
from differing
order by distance desc, weight desc, md5(question_key)
limit $most;
