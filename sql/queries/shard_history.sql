-- purpose: what some users did in this catalog
-- grain: one row per user and item
select user_id, item_id, weight, grade, is_seen, age_days, fold
from pair_history
where user_id between list_min($user_ids) and list_max($user_ids) and user_id in (select unnest($user_ids))
order by user_id, item_id;
