-- purpose: active users with a profile that has no vector under today's fingerprint
-- grain: one row per user
select
    profile_hash as content_hash, job, summary,
    list_aggregate(skills, 'string_agg', ', ') as skills,
    list_aggregate(hobbies, 'string_agg', ', ') as hobbies,
    list_aggregate(interests, 'string_agg', ', ') as interests
from users
where
    user_space = $user_space
    and is_active
    and (summary <> '' or job <> '' or len(interests) > 0 or len(hobbies) > 0 or len(skills) > 0)
    and not exists (
        select 1 from embeddings
        where embeddings.content_hash = users.profile_hash and embeddings.fingerprint = $fingerprint
    )
order by profile_hash;
