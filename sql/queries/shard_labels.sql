-- purpose: what people and labelers say of some users' pairs
-- grain: one row per user, item and truth (people, judge)
select user_id, item_id, truth, grade, sampling_probability
from pair_grades
where
    catalog = $catalog
    and user_id between list_min($user_ids) and list_max($user_ids)
    and user_id in (select unnest($user_ids))
order by user_id, item_id, truth;
