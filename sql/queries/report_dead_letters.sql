-- purpose: questions without an answer, by reason, and how many of them a run has asked
-- grain: one row per catalog, task and reason, at most $most
select catalog, task, reason, count(*) as n, count(*) filter (run_id = $run_id) as n_tonight
from dead_letters
group by catalog, task, reason
order by n desc, catalog, task, reason
limit $most;
