-- purpose: how many answers of a file were imported, unchanged or refused
-- grain: one row per outcome, catalog, task and problem
select outcome, catalog, task, coalesce(problem, '') as problem, count(*) as n_rows
from review_resolved
group by all
order by outcome, n_rows desc, catalog, task, problem;
