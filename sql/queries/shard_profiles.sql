-- purpose: the profiles of some users as text, and their segments
-- grain: one row per user
select
    users.user_id, users.summary, users.job, users.segment, said.onboarding,
    list_aggregate(users.interests, 'string_agg', ', ') as interests,
    list_aggregate(users.hobbies, 'string_agg', ', ') as hobbies,
    list_aggregate(users.skills, 'string_agg', ', ') as skills
from users
left join onboarding_texts as said on said.user_space = users.user_space and said.user_id = users.user_id
where users.user_space = $user_space and users.user_id in (select unnest($user_ids))
order by users.user_id;
