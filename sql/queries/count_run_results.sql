-- purpose: whether a run has been through a gate
-- grain: one row
select count(*) as n_results from quality_results where run_id = $run_id;
