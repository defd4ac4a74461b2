-- purpose: the model that serves a catalog: its champion
-- grain: one row
select model_id, file, sha256 from model_standings where catalog = $catalog and status = 'champion';
