-- purpose: where each model stands: champion (serves), challenger (never promoted), retired (a champion once)
-- grain: one row per catalog and model
with decided as (
    -- of decisions at the same time the one that was written last counts
    select *, row_number() over (partition by catalog order by decided_at, rowid) as turn from promotions
),
reigning as (
    select catalog, arg_max(model_id, turn) as model_id from decided where is_promoted group by catalog
),
latest as (
    select
        catalog, model_id, bool_or(is_promoted) as was_promoted,
        max(decided_at) filter (is_promoted) as promoted_at,
        arg_max(struct_pack(champion_id, reason, difference, low, high, n_users, decided_at), turn) as decision
    from decided
    group by catalog, model_id
)
select
    models.catalog, models.model_id, models.file, models.sha256, models.metadata, models.run_id, models.trained_at,
    case when reigning.model_id is not null then 'champion' when latest.was_promoted then 'retired'
        else 'challenger' end as status,
    latest.promoted_at, latest.decision.reason as reason, latest.decision.champion_id as champion_id,
    latest.decision.difference as difference, latest.decision.low as low, latest.decision.high as high,
    latest.decision.n_users as n_users, latest.decision.decided_at as decided_at
from models
left join reigning on reigning.catalog = models.catalog and reigning.model_id = models.model_id
left join latest on latest.catalog = models.catalog and latest.model_id = models.model_id
