-- purpose: the answers of one voice to questions that people have reviewed, one by one
-- grain: one row per question, at most $most, drawn by hash; asker is whom a judged pair is about
select string_split(question_key, '|')[1] as asker, answer, truth, confidence
from report_answers
where voice = $voice and truth is not null
order by md5(question_key)
limit $most;
