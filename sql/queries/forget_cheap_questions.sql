-- purpose: what a cascade was to ask its cheap labeler, before tonight's list is stored
-- grain: one row per content hash
delete from cascade_questions where catalog = $catalog and role = 'cheap';
