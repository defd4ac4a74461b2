-- purpose: which staged user is stored, an exact duplicate, or refused because the id is taken by another profile
-- grain: one row per staged user
create or replace temp table sorted_users as
with hashed as (
    select
        *,
        sha256(
            to_json(
                struct_pack(user_id, name, age, job, skills, hobbies, interests, summary, onboarding, segment, attributes)
            )::text
        ) as row_hash
    from staged_users
),
compared as (
    select
        *,
        row_number() over (partition by user_id, row_hash order by seq) as copy_number,
        first_value(row_hash) over (partition by user_id order by seq) as first_hash,
        first_value(file || ' line ' || line) over (partition by user_id order by seq) as first_place
    from hashed
)
select
    *,
    case when copy_number > 1 then 'duplicate' when row_hash = first_hash then 'stored' else 'refused' end as verdict,
    'user id ' || user_id || ' is already used with another profile at ' || first_place as reason
from compared;
