-- purpose: questions without an answer; the next run asks them again
-- grain: one row per catalog, task and reason
select catalog, task, reason, count(*) as n_questions, any_value(raw_reply)[1:80] as example
from dead_letters
group by all
order by n_questions desc, catalog, task, reason;
