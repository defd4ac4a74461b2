-- purpose: what users said of themselves when they came: the onboarding answers that name a topic or are free text
-- grain: one row per user with such an answer
select
    user_space, user_id,
    list(answer order by place) as answers,
    string_agg(answer, ', ' order by place) as onboarding
from onboarding_answers
where catalog is null
group by user_space, user_id
