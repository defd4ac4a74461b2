-- purpose: keep the refused interactions with their place and reason
-- grain: one row per refused interaction
insert into quarantine
select
    $catalog, 'interactions', file, line, reason,
    to_json(columns_of_row)::text,
    sha256(concat_ws(chr(31), line, reason, to_json(columns_of_row)::text)),
    $run_id, $run_id
from (
    select
        files.file, staged.line, dropped.reason,
        struct_pack(user_id, item_id, event, value, occurred_at) as columns_of_row
    from dropped_interactions as dropped
    join staged_interactions as staged on staged.rowid = dropped.place
    join staged_files as files on files.file_number = staged.file_number
    where dropped.verdict = 'refused'
)
on conflict do update set last_seen_run = excluded.last_seen_run;
