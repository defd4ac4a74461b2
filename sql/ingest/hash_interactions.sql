-- purpose: hashes of the staged interactions, to find those that two or more share; of part $part of $n_parts alone
-- grain: one row per staged interaction whose hash leaves $part when it is divided by $n_parts
select row_hash
from (select hash(user_id, item_id, event, value, occurred_at) as row_hash from staged_interactions)
where row_hash % $n_parts::ubigint = $part::ubigint;
