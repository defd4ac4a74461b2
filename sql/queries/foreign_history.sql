-- purpose: what some users liked in other catalogs of their space, or named when they came; needs foreign_pairs
-- grain: one row per user and item of another catalog
select user_id, item_id, title, weight, age_days
from foreign_pairs
where user_id between list_min($user_ids) and list_max($user_ids) and user_id in (select unnest($user_ids))
order by user_id, item_id;
