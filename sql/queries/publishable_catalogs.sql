-- purpose: catalogs that have scored recommendations, with the run that measured each last; with $is_backfill only those that run $run_id has scored
-- grain: one row per catalog
with outputs as (
    select stage_outputs.catalog
    from stage_outputs
    left join runs on runs.run_id = stage_outputs.run_id
    where
        stage_outputs.stage = 'recommendations'
        and (stage_outputs.run_id = $run_id or (not $is_backfill and not coalesce(runs.is_backfill, false)))
),
measured as (
    select metrics.catalog, arg_max(metrics.run_id, metrics.created_at) as measured_run
    from metrics
    left join runs on runs.run_id = metrics.run_id
    where metrics.run_id = $run_id or not coalesce(runs.is_backfill, false)
    group by metrics.catalog
)
select catalogs.catalog, catalogs.title, catalogs.licence, catalogs.user_space, measured.measured_run
from catalogs
left join measured on measured.catalog = catalogs.catalog
where catalogs.catalog in (select outputs.catalog from outputs)
order by catalogs.catalog;
