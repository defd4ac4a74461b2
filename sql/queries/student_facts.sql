-- purpose: what is known about the student whose decisions are stored
-- grain: one row, or none where no decision of a cascade is stored
select facts::text
from label_models
where
    catalog = $catalog and task = 'topics' and kind = 'student'
    and exists (select 1 from combined_labels where catalog = $catalog and task = 'topics' and method = 'cascade');
