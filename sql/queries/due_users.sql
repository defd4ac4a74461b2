-- purpose: users to rewrite as a labeler sees them; onboarding answers are interests
-- grain: one row per question in the $limit places after $after, in order
select
    due.user_id, due.question_key, due.contents,
    users.profile_hash, users.job, users.skills, users.hobbies, users.summary,
    list_concat(users.interests, coalesce(said.answers, [])) as interests
from users_to_rewrite as due
join users on users.user_space = $user_space and users.user_id = due.user_id
left join onboarding_texts as said on said.user_space = users.user_space and said.user_id = users.user_id
where due.place > $after and due.place <= $after + $limit
order by due.place;
