-- purpose: the models whose id begins in some way, of one catalog or of all
-- grain: one row per catalog and model
select * exclude (metadata), metadata::text as metadata
from model_standings
where starts_with(model_id, $beginning) and ($catalog is null or catalog = $catalog)
order by catalog, trained_at desc, model_id;
