-- purpose: keep the rows that a reader could not use, with their place and reason
-- grain: one row per bad row
insert into quarantine
select
    $catalog, kind, file, line, reason, raw, sha256(concat_ws(chr(31), line, reason, raw)), $run_id, $run_id
from staged_bad
on conflict do update set last_seen_run = excluded.last_seen_run;
