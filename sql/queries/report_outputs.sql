-- purpose: where the lists of a run and of the run before it lie, of each catalog
-- grain: one row per catalog; before_run and before_folder are null for the first
with lists as (
    select outputs.catalog, outputs.run_id, outputs.folder, runs.started_at
    from stage_outputs as outputs
    join runs on runs.run_id = outputs.run_id
    where outputs.stage = 'recommendations' and list_contains($catalogs, outputs.catalog)
),
here as (
    select lists.catalog, lists.run_id, lists.folder, lists.started_at
    from lists
    join runs as asked on asked.run_id = $run_id
    where lists.started_at <= asked.started_at
    qualify row_number() over (partition by lists.catalog order by lists.started_at desc) = 1
)
select
    here.catalog, catalogs.user_space, here.run_id, here.folder, before.run_id as before_run, before.folder as before_folder
from here
join catalogs on catalogs.catalog = here.catalog
left join lists as before on before.catalog = here.catalog and before.started_at < here.started_at
qualify row_number() over (partition by here.catalog order by before.started_at desc nulls last) = 1
order by here.catalog;
