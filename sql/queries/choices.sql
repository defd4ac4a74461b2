-- purpose: who chose what, for the sources that learn from all interactions
-- grain: one row per user and item of positive weight
select user_id, item_id, weight, age_days
from pair_history
where weight > 0 and ($fold::integer is null or fold is distinct from $fold::integer);
