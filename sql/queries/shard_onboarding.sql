-- purpose: the items of this catalog that some users named when they came
-- grain: one row per user and item
select distinct user_id, item_id
from onboarding_answers
where user_space = $user_space and catalog = $catalog and user_id in (select unnest($user_ids))
order by user_id, item_id;
