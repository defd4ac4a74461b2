-- purpose: what users said of themselves when they came, as text
-- grain: one row per user with such an answer, by user
create or replace temp table user_onboardings as
select user_id, onboarding
from onboarding_texts
where user_space = $user_space
order by user_id;
