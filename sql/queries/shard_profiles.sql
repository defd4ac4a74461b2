-- purpose: the profiles of some users as text
-- grain: one row per user
select
    user_id, summary, job,
    list_aggregate(interests, 'string_agg', ', ') as interests,
    list_aggregate(hobbies, 'string_agg', ', ') as hobbies,
    list_aggregate(skills, 'string_agg', ', ') as skills
from users
where user_space = $user_space and list_contains($user_ids, user_id)
order by user_id;
