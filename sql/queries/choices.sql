-- purpose: who chose what, for the collaborative source
-- grain: one row per user and item of positive weight
select user_id, item_id, weight
from pair_history
where weight > 0 and not ($is_holdout and is_held_out);
