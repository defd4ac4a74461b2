-- purpose: the model that a run made, whoever is the champion: what serves in a backfill
-- grain: one row
select model_id, file, sha256 from models where catalog = $catalog and run_id = $run_id order by trained_at desc limit 1;
