-- purpose: relevance labels of some users
-- grain: one row per user and item
select user_id, item_id, relevance as grade, sampling_probability
from current_judge_labels
where catalog = $catalog and list_contains($user_ids, user_id)
order by user_id, item_id;
