-- purpose: which staged interactions are not taken over: exact duplicates, and those that point to nothing known
-- grain: one row per dropped interaction; place is its rowid among the staged
create or replace temp table dropped_interactions as
-- Few rows share their hash with another: only these are compared by what they hold.
with copies as (
    select staged.rowid as place
    from staged_interactions as staged
    semi join repeated_hashes
        on repeated_hashes.row_hash = hash(staged.user_id, staged.item_id, staged.event, staged.value, staged.occurred_at)
    qualify row_number() over (partition by user_id, item_id, event, value, occurred_at order by staged.rowid) > 1
),
known_items as (
    select item_id from items where catalog = $catalog
),
known_users as (
    select user_id from users where $has_user_source and user_space = $user_space and origin <> 'interactions'
),
strangers as (
    select
        staged.rowid as place,
        case
            when known_items.item_id is null then 'unknown item ' || staged.item_id || '; it is not in the items of this catalog'
            else 'unknown user ' || staged.user_id || '; it is not in the users of this catalog'
        end as reason
    from staged_interactions as staged
    left join known_items on known_items.item_id = staged.item_id
    left join known_users on known_users.user_id = staged.user_id
    where known_items.item_id is null or ($has_user_source and known_users.user_id is null)
)
select place, 'duplicate' as verdict, '' as reason from copies
union all
select place, 'refused', reason from strangers anti join copies on copies.place = strangers.place;
