-- purpose: what a stage of a catalog read when it last ended whole
-- grain: one row, none where it never did or has begun again since
select run_id, as_of, inputs::text as inputs, rows_in, rows_out
from stage_inputs
where catalog = $catalog and stage = $stage;
