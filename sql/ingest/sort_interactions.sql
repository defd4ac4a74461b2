-- purpose: which staged interaction is stored, an exact duplicate, or refused because it points to nothing known
-- grain: one row per staged interaction
create or replace temp table sorted_interactions as
with hashed as (
    select
        *,
        sha256(to_json(struct_pack(user_id, item_id, event, value, occurred_at))::text) as row_hash
    from staged_interactions
),
compared as (
    select
        hashed.*,
        row_number() over (partition by hashed.row_hash order by hashed.seq) as copy_number,
        items.item_id is not null as is_item_known,
        users.user_id is not null or not $has_user_source as is_user_known
    from hashed
    left join items on items.catalog = $catalog and items.item_id = hashed.item_id
    left join users on users.user_space = $user_space and users.user_id = hashed.user_id and users.origin <> 'interactions'
)
select
    *,
    case
        when copy_number > 1 then 'duplicate'
        when is_item_known and is_user_known then 'stored'
        else 'refused'
    end as verdict,
    case
        when not is_item_known then 'unknown item ' || item_id || '; it is not in the items of this catalog'
        else 'unknown user ' || user_id || '; it is not in the users of this catalog'
    end as reason
from compared;
