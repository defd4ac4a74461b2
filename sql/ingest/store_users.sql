-- purpose: take over the users that are new or differ; the profile hash holds the user's id, so that no two people share a judgement
-- grain: one row per user; who gave no onboarding answers has the hash that they had before there were any
insert into users by name
with incoming as (
    select
        $user_space as user_space, user_id, name, age, job, skills, hobbies, interests, summary, onboarding, segment, attributes,
        sha256(
            case
                when len(onboarding) = 0 then
                    to_json(struct_pack(space := $user_space, user_id, age, job, skills, hobbies, interests, summary))::text
                else
                    to_json(
                        struct_pack(space := $user_space, user_id, age, job, skills, hobbies, interests, summary, onboarding)
                    )::text
            end
        )[1:32] as profile_hash,
        $catalog as source_catalog, $origin as origin
    from sorted_users
    where verdict = 'stored'
)
select
    incoming.*, true as is_active, $now as first_seen_at, $now as changed_at, $run_id as last_seen_run
from incoming
where not exists (
    select 1
    from users as known
    where known.user_space = incoming.user_space
        and known.user_id = incoming.user_id
        and known.profile_hash = incoming.profile_hash
        and known.name = incoming.name
        and known.segment = incoming.segment
        and known.attributes = incoming.attributes
        and known.source_catalog = incoming.source_catalog
        and known.origin = incoming.origin
)
on conflict (user_space, user_id) do update set
    changed_at = case when users.profile_hash = excluded.profile_hash then users.changed_at else excluded.changed_at end,
    name = excluded.name,
    age = excluded.age,
    job = excluded.job,
    skills = excluded.skills,
    hobbies = excluded.hobbies,
    interests = excluded.interests,
    summary = excluded.summary,
    onboarding = excluded.onboarding,
    segment = excluded.segment,
    attributes = excluded.attributes,
    profile_hash = excluded.profile_hash,
    source_catalog = excluded.source_catalog,
    origin = excluded.origin,
    is_active = true,
    last_seen_run = excluded.last_seen_run;
