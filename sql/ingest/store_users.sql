-- purpose: take over the stored users; the profile hash holds the user's id, so that no two people share a judgement
-- grain: one row per user
insert into users
select
    $user_space, user_id, name, age, job, skills, hobbies, interests, summary, attributes,
    sha256(to_json(struct_pack(space := $user_space, user_id, age, job, skills, hobbies, interests, summary))::text)[1:32]
        as profile_hash,
    $catalog, $origin, true, $now, $now, $run_id
from sorted_users
where verdict = 'stored'
on conflict (user_space, user_id) do update set
    changed_at = case when users.profile_hash = excluded.profile_hash then users.changed_at else excluded.changed_at end,
    name = excluded.name,
    age = excluded.age,
    job = excluded.job,
    skills = excluded.skills,
    hobbies = excluded.hobbies,
    interests = excluded.interests,
    summary = excluded.summary,
    attributes = excluded.attributes,
    profile_hash = excluded.profile_hash,
    source_catalog = excluded.source_catalog,
    origin = excluded.origin,
    is_active = true,
    last_seen_run = excluded.last_seen_run;
