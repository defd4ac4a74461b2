-- purpose: the model that was trained last
-- grain: one row
select model_id, file, sha256 from models where catalog = $catalog order by trained_at desc limit 1;
