-- purpose: how much of a catalog there is to work with
-- grain: one row, for catalog $catalog
with active_items as (
    select count(*) as n_items, count(*) filter (trim(title) = '') as n_untitled
    from items
    where catalog = $catalog and is_active
),
active_users as (
    select count(*) as n_users
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog and users.is_active
)
select
    active_items.n_items,
    active_users.n_users,
    coalesce(active_items.n_untitled / nullif(active_items.n_items, 0), 0)::double as untitled_share
from active_items
cross join active_users;
