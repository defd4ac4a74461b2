-- purpose: what became of the rows that a run read
-- grain: one row per kind
select kind, n_in, n_stored, n_quarantined, n_exact_duplicates, n_new, n_changed, n_gone
from ingest_counts
where run_id = $run_id and catalog = $catalog
order by case kind when 'items' then 1 when 'users' then 2 else 3 end;
