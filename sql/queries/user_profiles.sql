-- purpose: the profiles of some users, as a labeler sees them; onboarding answers are interests
-- grain: one row per user
select
    users.user_id, users.profile_hash, users.job, users.skills, users.hobbies,
    list_concat(users.interests, coalesce(said.answers, [])) as interests,
    users.summary, vectors.vector
from users
left join onboarding_texts as said on said.user_space = users.user_space and said.user_id = users.user_id
left join current_user_vectors as vectors
    on vectors.catalog = $catalog and vectors.user_space = users.user_space and vectors.user_id = users.user_id
where users.user_space = $user_space and list_contains($user_ids, users.user_id)
order by users.user_id;
