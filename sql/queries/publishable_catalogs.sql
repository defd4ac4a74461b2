-- purpose: catalogs that have scored recommendations, with the run that measured each last
-- grain: one row per catalog
select
    catalogs.catalog, catalogs.title, catalogs.licence, catalogs.user_space,
    (select arg_max(metrics.run_id, metrics.created_at) from metrics where metrics.catalog = catalogs.catalog) as measured_run
from catalogs
where exists (
    select 1 from stage_outputs
    where stage_outputs.catalog = catalogs.catalog and stage_outputs.stage = 'recommendations'
)
order by catalogs.catalog;
