-- purpose: the folder that a stage wrote last
-- grain: one row
select folder from stage_outputs where catalog = $catalog and stage = $stage order by created_at desc limit 1;
