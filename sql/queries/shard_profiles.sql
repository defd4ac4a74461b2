-- purpose: the profiles of some users as text, and their segments; needs user_onboardings
-- grain: one row per user
select
    users.user_id, users.summary, users.job, users.segment, said.onboarding,
    list_aggregate(users.interests, 'string_agg', ', ') as interests,
    list_aggregate(users.hobbies, 'string_agg', ', ') as hobbies,
    list_aggregate(users.skills, 'string_agg', ', ') as skills
from users
left join (
    select user_id, onboarding
    from user_onboardings
    where user_id between list_min($user_ids) and list_max($user_ids)
) as said on said.user_id = users.user_id
where
    users.user_space = $user_space
    and users.user_id between list_min($user_ids) and list_max($user_ids)
    and users.user_id in (select unnest($user_ids))
order by users.user_id;
