-- purpose: active users with a profile that has no vector under today's fingerprint
-- grain: one row per user
select
    users.profile_hash as content_hash, users.job, users.summary,
    list_aggregate(users.skills, 'string_agg', ', ') as skills,
    list_aggregate(users.hobbies, 'string_agg', ', ') as hobbies,
    list_aggregate(users.interests, 'string_agg', ', ') as interests,
    said.onboarding
from users
left join onboarding_texts as said on said.user_space = users.user_space and said.user_id = users.user_id
where
    users.user_space = $user_space
    and users.is_active
    and (
        users.summary <> '' or users.job <> '' or len(users.interests) > 0 or len(users.hobbies) > 0 or len(users.skills) > 0
        or said.onboarding is not null
    )
    and not exists (
        select 1 from embeddings
        where embeddings.content_hash = users.profile_hash and embeddings.fingerprint = $fingerprint
    )
order by users.profile_hash;
