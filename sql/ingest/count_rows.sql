-- purpose: the sum that the run prints: in = stored + quarantined + exact duplicates
-- grain: one row per kind; what was there in run $previous_run or since, and is not now, is gone
insert or replace into ingest_counts
with sorted_rows as (
    select 'items' as kind, verdict, count(*) as n_rows from sorted_items group by all
    union all
    select 'users', verdict, count(*) from sorted_users group by all
    union all
    select 'interactions', verdict, count(*) from sorted_interactions group by all
    union all
    select kind, 'refused', count(*) from staged_bad group by all
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
        count(*) filter (not is_active and last_seen_run >= $previous_run) as n_gone
    from items
    where catalog = $catalog
    union all
    select
        'users',
        count(*) filter (first_seen_at = $now),
        count(*) filter (changed_at = $now and first_seen_at <> $now),
        count(*) filter (not is_active and last_seen_run >= $previous_run)
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
