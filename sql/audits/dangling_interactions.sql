-- purpose: interactions whose item or user is not in the catalog
-- grain: one row per interaction, at most 100; n_bad counts all of them
select
    interactions.user_id, interactions.item_id, interactions.event,
    case when items.item_id is null then 'no such item' else 'no such user' end as reason,
    count(*) over () as n_bad
from interactions
join catalogs on catalogs.catalog = interactions.catalog
left join items on items.catalog = interactions.catalog and items.item_id = interactions.item_id
left join users on users.user_space = catalogs.user_space and users.user_id = interactions.user_id
where interactions.catalog = $catalog and (items.item_id is null or users.user_id is null)
order by interactions.user_id, interactions.item_id, interactions.event
limit 100;
