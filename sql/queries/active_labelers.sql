-- purpose: whose labels count today
-- grain: one row per catalog and task
select catalog, task, labeler, fingerprint, prompt_hash
from active_fingerprints
where list_contains($catalogs, catalog)
order by catalog, task;
