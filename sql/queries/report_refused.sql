-- purpose: the rows that a run put into quarantine, by reason; a later run that refused them again has them as its own
-- grain: one row per catalog, kind and reason without its particulars, at most $most
select
    catalog, kind, count(*) as n, min(reason) as reason, min(file || ' line ' || line) as place
from quarantine
where last_seen_run = $run_id
group by catalog, kind, regexp_replace(reason, '''[^'']*''|[0-9]+', '', 'g')
order by n desc, catalog, kind, reason
limit $most;
