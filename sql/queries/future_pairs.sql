-- purpose: interactions that a run may not know, since they happened after the end of its day
-- grain: one row per user and item, at most 100; n_bad counts all
select user_id, item_id, occurred_at, count(*) over () as n_bad
from pair_history
where occurred_at >= $as_of_end
order by user_id, item_id
limit 100;
