-- purpose: the best published recommendations of some users that are still news to them: of active items that they have not met and were not told of lately
-- grain: one row per user, catalog and item, at most $n_items a user and catalog; in order of users, catalogs and ranks
-- $recommendations, $enrichments: files of one publication. $first and $last let the reader skip row groups of other users.
with wanted as (
    select unnest($user_ids::text[]) as user_id
),
listed as (
    select published.user_id, published.catalog, published.rank, published.item_id, published.title, published.url,
        published.reason, published.primary_topic as topic
    from read_parquet($recommendations) as published
    semi join wanted on wanted.user_id = published.user_id
    where published.user_space = $user_space and published.user_id between $first and $last
),
met as (
    select chosen.catalog, chosen.user_id, chosen.item_id
    from weighted_interactions as chosen
    semi join wanted on wanted.user_id = chosen.user_id
    where chosen.user_space = $user_space and chosen.user_id between $first and $last and coalesce(chosen.is_seen, true)
    union all
    select catalog, user_id, item_id
    from onboarding_answers
    where user_space = $user_space and user_id between $first and $last and item_id is not null
),
told as (
    select distinct digests.user_id, unnest(digests.items) as item
    from digests
    semi join wanted on wanted.user_id = digests.user_id
    where digests.user_space = $user_space
        and digests.user_id between $first and $last
        and digests.day < $day
        and digests.day >= $day - $repeat_after_days::integer
        and digests.state <> 'refused'
        and not ($is_sent and digests.state = 'written')
),
fresh as (
    select listed.*, items.text
    from listed
    join items on items.catalog = listed.catalog and items.item_id = listed.item_id and items.is_active
    anti join met
        on met.catalog = listed.catalog and met.user_id = listed.user_id and met.item_id = listed.item_id
    anti join told on told.user_id = listed.user_id and told.item = listed.catalog || '/' || listed.item_id
    where not list_contains($blocked::text[], listed.catalog || '/' || listed.item_id)
    qualify row_number() over (partition by listed.user_id, listed.catalog order by listed.rank) <= $n_items
)
select fresh.* exclude (text), told.summary, left(fresh.text, 4000) as text
from fresh
left join read_parquet($enrichments) as told on told.catalog = fresh.catalog and told.item_id = fresh.item_id
order by fresh.user_id, fresh.catalog, fresh.rank;
