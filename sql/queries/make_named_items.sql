-- purpose: the items of this catalog that users named when they came
-- grain: one row per user and item, by user
create or replace temp table named_items as
select distinct user_id, item_id
from onboarding_answers
where user_space = $user_space and catalog = $catalog
order by user_id, item_id;
