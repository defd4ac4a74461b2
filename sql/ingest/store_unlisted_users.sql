-- purpose: a catalog without a users source knows its users by what they did
-- grain: one row per user that has interactions and no profile
insert or ignore into users
select distinct
    $user_space, user_id, '', null::integer, '', []::text[], []::text[], []::text[], '', '{}',
    sha256(to_json(struct_pack(space := $user_space, user_id))::text)[1:32] as profile_hash,
    $catalog, 'interactions', true, $now, $now, $run_id
from sorted_interactions
where verdict = 'stored' and not $has_user_source;
