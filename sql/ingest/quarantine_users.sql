-- purpose: keep the refused users with their place and reason
-- grain: one row per refused user
insert into quarantine
select
    $catalog, 'users', file, line, reason,
    to_json(columns_of_row)::text,
    sha256(concat_ws(chr(31), line, reason, to_json(columns_of_row)::text)),
    $run_id, $run_id
from (
    select file, line, reason, struct_pack(user_id, name, age, job, skills, hobbies, interests, summary, onboarding, segment, attributes) as columns_of_row
    from sorted_users
    where verdict = 'refused'
)
on conflict do update set last_seen_run = excluded.last_seen_run;
