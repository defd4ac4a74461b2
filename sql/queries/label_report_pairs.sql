-- purpose: what each two labelers say of the questions that both have answered
-- grain: one row per two labelers and two answers; reads the table of label_report_gather
select
    a.voice as first, b.voice as second, a.answer as first_answer, b.answer as second_answer, count(*) as n
from report_answers as a
join report_answers as b on b.question_key = a.question_key and b.position > a.position
where a.role <> 'counts' and b.role <> 'counts'
group by a.voice, a.position, b.voice, b.position, a.answer, b.answer
order by a.position, b.position, first_answer, second_answer;
