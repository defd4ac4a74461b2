-- purpose: a stage that begins has not ended whole
-- grain: one row
delete from stage_inputs where catalog = $catalog and stage = $stage;
