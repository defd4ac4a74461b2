-- purpose: what some users never want again; needs blocked_pairs
-- grain: one row per user and item, but for what the fold holds out
select user_id, item_id
from blocked_pairs
where
    user_id between list_min($user_ids) and list_max($user_ids)
    and user_id in (select unnest($user_ids))
    and ($fold::integer is null or fold is distinct from $fold::integer)
order by user_id, item_id;
