-- purpose: what was refused of sources that have not changed is refused tonight, too; $last_run ingested before this one
-- grain: one row per refused row of a kind that was not read
update quarantine set last_seen_run = $run_id
from kept_kinds
where quarantine.catalog = $catalog and quarantine.kind = kept_kinds.kind and quarantine.last_seen_run = $last_run;
