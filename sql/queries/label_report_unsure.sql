-- purpose: the questions whose label that counts is least sure
-- grain: one row per question, at most $most; reads the table of label_report_gather
select question_key, arg_max(confidence, position) as confidence
from report_answers
where role = 'counts' or position = 0
group by question_key
order by confidence, md5(question_key)
limit $most;
