-- purpose: the measurements of a run on the whole truth
-- grain: one row per catalog, ranker, metric and k
select catalog, ranker, metric, k, value, ci_low, ci_high, n_users
from metrics
where run_id = $run_id and slice = 'all'
order by catalog, ranker, metric, k;
