-- purpose: what became of the rows that this run read, as shares
-- grain: one row per kind (items, users, interactions) that run $run_id ingested for catalog $catalog
with active as (
    select count(*) as n_active from items where catalog = $catalog and is_active
)
select
    counts.kind,
    counts.n_in,
    counts.n_in - counts.n_stored - counts.n_quarantined - counts.n_exact_duplicates as n_unaccounted,
    coalesce(counts.n_quarantined / nullif(counts.n_in, 0), 0)::double as quarantined_share,
    case when counts.kind = 'items' then coalesce(counts.n_gone / nullif(counts.n_gone + active.n_active, 0), 0) else 0 end::double
        as gone_share
from ingest_counts as counts
cross join active
where counts.run_id = $run_id and counts.catalog = $catalog
order by counts.kind;
