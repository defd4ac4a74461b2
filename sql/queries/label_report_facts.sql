-- purpose: what is known about the cascade's student
-- grain: one row where there is one
select facts::text as facts, run_id, created_at
from label_models
where catalog = $catalog and task = $task and kind = 'student'
order by created_at desc
limit 1;
