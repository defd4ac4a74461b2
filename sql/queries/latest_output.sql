-- purpose: the folder that a stage wrote last, and what its files held; what a finished backfill wrote is of a past day and does not count
-- grain: one row
select outputs.folder, outputs.files
from stage_outputs as outputs
left join runs on runs.run_id = outputs.run_id
where
    outputs.catalog = $catalog and outputs.stage = $stage
    and (not coalesce(runs.is_backfill, false) or runs.status = 'running')
order by outputs.created_at desc
limit 1;
