-- purpose: a catalog without a users source knows its users by what they did
-- grain: one row per user that has interactions and no profile
insert into users by name
select
    $user_space as user_space, doers.user_id, '' as name, null::integer as age, '' as job, []::text[] as skills,
    []::text[] as hobbies, []::text[] as interests, '' as summary, '{}' as attributes,
    sha256(to_json(struct_pack(space := $user_space, user_id := doers.user_id))::text)[1:32] as profile_hash,
    $catalog as source_catalog, 'interactions' as origin, true as is_active, $now as first_seen_at, $now as changed_at,
    $run_id as last_seen_run
from (
    select distinct staged.user_id
    from staged_interactions as staged
    anti join dropped_interactions as dropped on dropped.place = staged.rowid
    where not $has_user_source
) as doers
anti join users on users.user_space = $user_space and users.user_id = doers.user_id;
