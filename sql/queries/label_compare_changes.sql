-- purpose: from which answer to which the changes go
-- grain: one row per two answers, at most $most, the most frequent first; reads the table of label_compare_gather
select
    before, after, count(*) as n, count(truth) as n_gold, count(*) filter (truth = before) as n_worse,
    count(*) filter (truth = after) as n_better
from compared
where before <> after
group by before, after
order by n desc, before, after
limit $most;
