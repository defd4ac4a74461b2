-- purpose: ids that are not unique, or empty
-- grain: one row per kind and id that breaks the rule, at most 100; n_bad counts all of them
with ids as (
    select 'item' as kind, item_id as id, count(*) as n_rows from items where catalog = $catalog group by item_id
    union all
    select 'user', users.user_id, count(*)
    from users
    join catalogs on catalogs.user_space = users.user_space
    where catalogs.catalog = $catalog
    group by users.user_id
)
select kind, id, n_rows, count(*) over () as n_bad
from ids
where n_rows > 1 or trim(id) = ''
order by kind, id
limit 100;
