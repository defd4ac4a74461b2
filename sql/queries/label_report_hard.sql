-- purpose: the hardest questions of each answer: those that labelers dispute, then those among the least sure quarter
-- grain: one row per question, at most $each an answer; reads the table of label_report_gather
with questions as (
    select
        question_key, arg_max(answer, position) filter (role = 'counts' or position = 0) as answer,
        arg_max(confidence, position) filter (role = 'counts' or position = 0) as confidence,
        count(distinct answer) filter (role <> 'counts') > 1 as is_disputed
    from report_answers
    group by question_key
),
quarter as (
    select quantile_cont(confidence, 0.25) as confidence from questions
)
select answer, question_key, is_disputed
from questions
where answer is not null and (is_disputed or confidence <= (select confidence from quarter))
qualify row_number() over (partition by answer order by is_disputed desc, confidence, md5(question_key)) <= $each
order by answer, is_disputed desc, confidence, md5(question_key);
