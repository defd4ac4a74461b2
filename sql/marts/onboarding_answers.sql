-- purpose: the first five onboarding answers of each user, and the items of their space that these name by id or exact title
-- grain: one row per user, answer and catalog with such an item; one without a catalog where none has, so that it is text
with answers as (
    select
        user_space, user_id,
        unnest(onboarding[1:5]) as answer,
        generate_subscripts(onboarding[1:5], 1) as place
    from users
    where len(onboarding) > 0
),
listed as (
    select catalogs.user_space, catalogs.catalog, items.item_id, items.title, items.is_active
    from catalogs
    join items on items.catalog = catalogs.catalog
),
titles as (
    select user_space, catalog, lower(title) as title, first(item_id order by is_active desc, item_id) as item_id
    from listed
    where lower(title) in (select lower(answer) from answers)
    group by user_space, catalog, lower(title)
),
named as (
    select answers.user_space, answers.user_id, answers.place, listed.catalog, listed.item_id, true as is_id
    from answers
    join listed on listed.user_space = answers.user_space and listed.item_id = answers.answer
    union all
    select answers.user_space, answers.user_id, answers.place, titles.catalog, titles.item_id, false
    from answers
    join titles on titles.user_space = answers.user_space and titles.title = lower(answers.answer)
),
chosen as (
    select user_space, user_id, place, catalog, first(item_id order by is_id desc) as item_id
    from named
    group by user_space, user_id, place, catalog
)
select answers.user_space, answers.user_id, answers.place, answers.answer, chosen.catalog, chosen.item_id
from answers
left join chosen
    on chosen.user_space = answers.user_space and chosen.user_id = answers.user_id and chosen.place = answers.place
