-- purpose: how much is known of some users: the items that they have met in the catalogs of their space
-- grain: one row per user
select users.user_id, count(met.item_id) as n_history
from users
left join catalogs on catalogs.user_space = users.user_space
left join interactions as met on met.catalog = catalogs.catalog and met.user_id = users.user_id
where users.user_space = $user_space and list_contains($user_ids, users.user_id)
group by users.user_id
order by n_history desc, users.user_id;
