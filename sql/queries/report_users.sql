-- purpose: the profiles of some users and what they met last, for people to read
-- grain: one row per user; history holds at most eight items, the newest first
with met as (
    select
        seen.user_id, seen.catalog, left(items.title, 400) as title,
        row_number() over (
            partition by seen.user_id order by max(seen.occurred_at) desc nulls last, seen.catalog, seen.item_id
        ) as place
    from interactions as seen
    join catalogs on catalogs.catalog = seen.catalog and catalogs.user_space = $user_space
    join items on items.catalog = seen.catalog and items.item_id = seen.item_id
    where
        list_contains($user_ids, seen.user_id)
        and (seen.occurred_at is null or seen.occurred_at < $as_of::date + interval 1 day)
    group by seen.user_id, seen.catalog, seen.item_id, items.title
    qualify place <= 8
),
histories as (
    select user_id, list(title order by place) as history from met group by user_id
)
select
    users.user_id, users.name, left(users.job, 200) as job, users.interests[1:4] as interests,
    users.hobbies[1:3] as hobbies, left(users.summary, 800) as summary, coalesce(histories.history, []) as history
from users
left join histories on histories.user_id = users.user_id
where users.user_space = $user_space and list_contains($user_ids, users.user_id)
order by users.user_id;
