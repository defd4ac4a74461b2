-- purpose: make room for the measurements of this run
-- grain: one row per measurement
delete from metrics where run_id = $run_id and catalog = $catalog;
