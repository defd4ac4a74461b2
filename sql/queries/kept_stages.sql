-- purpose: stages of published catalogs that an earlier run did, and whose result stands
-- grain: one row per catalog and stage
select catalog, stage, run_id as run, as_of
from stage_inputs
where list_contains($catalogs, catalog) and run_id <> $run_id
order by catalog, stage;
