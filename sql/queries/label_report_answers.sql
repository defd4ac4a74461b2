-- purpose: how often each voice gives each answer
-- grain: one row per voice and answer, in the order of the panel; reads the table of label_report_gather
select voice, answer, count(*) as n
from report_answers
group by position, voice, answer
order by position, answer;
