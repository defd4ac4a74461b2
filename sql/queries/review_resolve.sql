-- purpose: what becomes of each answer of a file: imported, unchanged or refused, and why
-- grain: one row per row of review_incoming, its question found by items and users where the file names these
create or replace temp table review_resolved as
with contents as (
    select catalog, item_id, content_hash from items where is_active
),
profiles as (
    select catalogs.catalog, users.user_id, users.profile_hash
    from catalogs
    join users on users.user_space = catalogs.user_space and users.is_active
),
hashes as (
    select distinct catalog, content_hash as hash, 'item' as kind from contents
    union all
    select distinct catalog, profile_hash, 'user' from profiles
),
named as (
    select
        incoming.* exclude (question_key, problem),
        case incoming.task
            when 'similar' then least(a.content_hash, b.content_hash) || '|' || greatest(a.content_hash, b.content_hash)
            when 'judge' then profiles.profile_hash || '|' || a.content_hash
            else a.content_hash end as question_key,
        case
            when incoming.problem is not null then incoming.problem
            when a.item_id is null then 'no active item of the catalog'
            when incoming.task = 'similar' and b.item_id is null then 'the second is no active item of the catalog'
            when incoming.task = 'similar' and a.content_hash = b.content_hash then 'both items have the same content'
            when incoming.task = 'judge' and profiles.user_id is null then 'no active user of the catalog'
        end as problem
    from review_incoming as incoming
    left join contents as a on a.catalog = incoming.catalog and a.item_id = incoming.item_id
    left join contents as b on b.catalog = incoming.catalog and b.item_id = incoming.other_item_id
    left join profiles on profiles.catalog = incoming.catalog and profiles.user_id = incoming.user_id
    where incoming.question_key is null
),
keyed as (
    select
        incoming.* exclude (problem),
        case
            when incoming.problem is not null then incoming.problem
            when first.hash is null
                or (incoming.task in ('similar', 'judge')) <> (second.hash is not null)
                or second.hash is null and contains(incoming.question_key, '|')
                or incoming.task = 'similar' and first.hash >= second.hash
                then 'no question of today: its text has changed or is gone'
        end as problem
    from review_incoming as incoming
    left join hashes as first on first.catalog = incoming.catalog
        and first.hash = split_part(incoming.question_key, '|', 1)
        and first.kind = case incoming.task when 'judge' then 'user' else 'item' end
    left join hashes as second on second.catalog = incoming.catalog
        and second.hash = split_part(incoming.question_key, '|', 2) and second.kind = 'item'
    where incoming.question_key is not null
),
timed as (
    select
        * exclude (problem, reviewed_at), coalesce(reviewed_at, $now) as reviewed_at, reviewed_at is null as is_untimed,
        case when problem is null and reviewed_at > $now + interval 1 day then 'reviewed_at lies in the future'
            else problem end as problem
    from (from named union all by name from keyed)
),
compared as (
    select
        *,
        row_number() over same_time as repetition,
        min(coalesce(answer, '') || chr(31) || note) over same_time
        <> max(coalesce(answer, '') || chr(31) || note) over same_time as is_contradictory
    from timed
    window same_time as (
        partition by catalog, task, question_key, reviewer, reviewed_at, problem is null
        order by place rows between unbounded preceding and unbounded following
    )
),
latest as (
    select *
    from human_labels
    qualify row_number() over (
        partition by catalog, task, question_key, reviewer order by reviewed_at desc, imported_at desc
    ) = 1
),
known as (
    select distinct compared.place
    from compared
    join human_labels as human on human.catalog = compared.catalog and human.task = compared.task
        and human.question_key = compared.question_key and human.reviewer = compared.reviewer
        and human.answer is not distinct from compared.answer and human.note = compared.note
    left join latest on latest.catalog = human.catalog and latest.task = human.task
        and latest.question_key = human.question_key and latest.reviewer = human.reviewer
    where human.reviewed_at = compared.reviewed_at
        or compared.is_untimed and (human.source = compared.source or latest.reviewed_at = human.reviewed_at)
)
select
    compared.* exclude (problem, is_contradictory, repetition, is_untimed),
    case
        when problem is not null then problem
        when is_contradictory then 'the same reviewer answers the same question twice, differently'
    end as problem,
    case
        when problem is not null or is_contradictory then 'refused'
        when known.place is not null or repetition > 1 then 'unchanged'
        else 'imported' end as outcome
from compared
left join known on known.place = compared.place;
