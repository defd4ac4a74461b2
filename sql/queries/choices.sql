-- purpose: who chose what, for the sources that learn from all interactions
-- grain: one row per user and item of positive weight, not older than $max_age_days (null: of any age)
select user_id, item_id, weight, age_days
from pair_history
where
    weight > 0
    and ($fold::integer is null or fold is distinct from $fold::integer)
    and ($max_age_days::double is null or age_days <= $max_age_days::double);
