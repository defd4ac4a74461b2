-- purpose: the sum that the run prints: in = stored + quarantined + exact duplicates
-- grain: one row per kind; what was there in run $previous_run or since, and is not now, is gone; of a kind that was not read, the run that read it counted
insert or replace into ingest_counts
with sorted_rows as (
    select 'items' as kind, verdict, count(*) as n_rows from sorted_items group by all
    union all
    select 'users', verdict, count(*) from sorted_users group by all
    union all
    select 'interactions', 'stored', count(*) - (select count(*) from dropped_interactions) from staged_interactions having count(*) > 0
    union all
    select 'interactions', verdict, count(*) from dropped_interactions group by all
    union all
    select kind, 'refused', count(*) from staged_bad group by all
    union all
    select
        counts.kind,
        unnest(['stored', 'refused', 'duplicate']),
        unnest([counts.n_stored, counts.n_quarantined, counts.n_exact_duplicates])
    from ingest_counts as counts
    join kept_kinds on kept_kinds.kind = counts.kind and kept_kinds.run_id = counts.run_id
    where counts.catalog = $catalog
),
-- Rows keep the run that read them last, which is earlier than $previous_run where their source had not changed since.
read_before as (
    select
        least($previous_run, min(run_id) filter (kind = 'items')) as items_run,
        least($previous_run, min(run_id) filter (kind = 'users')) as users_run
    from ingested_sources
    where catalog = $catalog
),
summed as (
    select
        kind,
        sum(n_rows) as n_in,
        coalesce(sum(n_rows) filter (verdict = 'stored'), 0) as n_stored,
        coalesce(sum(n_rows) filter (verdict = 'refused'), 0) as n_quarantined,
        coalesce(sum(n_rows) filter (verdict = 'duplicate'), 0) as n_exact_duplicates
    from sorted_rows
    group by kind
),
moved as (
    select
        'items' as kind,
        count(*) filter (first_seen_at = $now) as n_new,
        count(*) filter (changed_at = $now and first_seen_at <> $now) as n_changed,
        count(*) filter (not is_active and last_seen_run >= (select items_run from read_before)) as n_gone
    from items
    where catalog = $catalog
    union all
    select
        'users',
        count(*) filter (first_seen_at = $now),
        count(*) filter (changed_at = $now and first_seen_at <> $now),
        count(*) filter (not is_active and last_seen_run >= (select users_run from read_before))
    from users
    where user_space = $user_space and source_catalog = $catalog
    union all
    select 'interactions', count(*) filter (first_seen_at = $now), 0, 0
    from interactions
    where catalog = $catalog
)
select
    $run_id, $catalog, summed.kind, n_in, n_stored, n_quarantined, n_exact_duplicates, n_new, n_changed, n_gone
from summed
join moved on moved.kind = summed.kind;
