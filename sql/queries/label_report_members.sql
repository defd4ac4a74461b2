-- purpose: a table of who answers a task of a catalog today, by the name that a page shows; two of one name are told apart
-- grain: one row per labeler of today's panel; the active labeler where no panel is noted
create or replace temp table report_members as
with noted as (
    select position, role, fingerprint, labeler from panel_members where catalog = $catalog and task = $task
),
members as (
    select position, role, fingerprint, labeler from noted
    union all
    select 0, 'member', fingerprint, labeler
    from active_fingerprints
    where catalog = $catalog and task = $task and not exists (select 1 from noted)
)
select
    position, role, fingerprint,
    labeler || case when count(*) over (partition by labeler) > 1 then '#' || fingerprint[:4] else '' end as voice
from members;
