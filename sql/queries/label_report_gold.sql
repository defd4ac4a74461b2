-- purpose: what each voice says of the questions that people have reviewed
-- grain: one row per voice, person's answer and its own, in the order of the panel; reads the table of label_report_gather
select voice, truth, answer, count(*) as n
from report_answers
where truth is not null
group by position, voice, truth, answer
order by position, truth, answer;
