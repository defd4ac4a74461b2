-- purpose: the items of this catalog that some users named when they came; needs named_items
-- grain: one row per user and item
select user_id, item_id
from named_items
where user_id between list_min($user_ids) and list_max($user_ids) and user_id in (select unnest($user_ids))
order by user_id, item_id;
