-- purpose: what became of the rows that runs read, for the report
-- grain: one row per run, catalog and kind
select run_id, catalog, kind, n_in, n_stored, n_quarantined, n_exact_duplicates, n_new, n_changed, n_gone
from ingest_counts
where list_contains($run_ids, run_id)
order by catalog, case kind when 'items' then 1 when 'users' then 2 else 3 end;
