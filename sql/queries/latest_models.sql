-- purpose: the model that was trained last for each catalog
-- grain: one row per catalog
select catalog, model_id, sha256, run_id, strftime(trained_at, '%Y-%m-%dT%H:%M:%SZ') as trained_at
from models
where list_contains($catalogs, catalog)
qualify row_number() over (partition by catalog order by trained_at desc) = 1
order by catalog;
