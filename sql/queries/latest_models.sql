-- purpose: the model that serves each catalog: its champion
-- grain: one row per catalog
select catalog, model_id, sha256, run_id, strftime(trained_at, '%Y-%m-%dT%H:%M:%SZ') as trained_at
from model_standings
where list_contains($catalogs, catalog) and status = 'champion'
order by catalog;
