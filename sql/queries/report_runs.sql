-- purpose: a run and those before it, with what they asked for and published, for the report
-- grain: one row per run, the oldest first, at most $n_runs; without $run_id the last is the last run that ended
-- A digest is on record as a run, and is no night; a run that failed before its first stage is one.
with nights as (
    select *
    from runs
    where
        run_id = $run_id
        or (status <> 'running' and run_id not in (select stage_runs.run_id from stage_runs where stage = 'digest'))
),
chosen as (
    select run_id, started_at, is_backfill
    from nights
    where $run_id is null or run_id = $run_id
    order by started_at desc, run_id desc
    limit 1
),
earlier as (
    select nights.*
    from nights
    -- Nights are held against nights, and backfills of past days against backfills.
    join chosen on nights.run_id = chosen.run_id
        or (nights.started_at < chosen.started_at and nights.is_backfill is not distinct from chosen.is_backfill)
    order by nights.started_at desc, nights.run_id desc
    limit $n_runs
),
spent as (
    select
        run_id, sum(requests)::bigint as requests, sum(tokens_in + tokens_out)::bigint as tokens,
        sum(cost_usd)::double as cost_usd
    from stage_runs
    where run_id in (select run_id from earlier)
    group by run_id
),
published as (
    select run_id, max(publication_id) as publication_id from publications group by run_id
)
select
    earlier.run_id, earlier.as_of, earlier.status, earlier.catalogs, earlier.started_at, earlier.code_version,
    earlier.message, coalesce(earlier.is_backfill, false) as is_backfill, coalesce(earlier.peak_rss_mb, 0) as peak_rss_mb,
    date_diff('millisecond', earlier.started_at, earlier.finished_at) / 1000 as seconds,
    coalesce(spent.requests, 0) as requests, coalesce(spent.tokens, 0) as tokens,
    coalesce(spent.cost_usd, 0) as cost_usd, coalesce(published.publication_id, '') as publication_id
from earlier
left join spent on spent.run_id = earlier.run_id
left join published on published.run_id = earlier.run_id
order by earlier.started_at, earlier.run_id;
