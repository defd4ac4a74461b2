-- purpose: what a labeler is shown of each user to rewrite: the profile, and what they liked last in all catalogs of their space
-- grain: one row per user and kind, none where there is neither profile nor history; is_holdout, for $holdout_ids alone, leaves
-- out whatever any fold holds out, so that no evaluation meets what it asks for. Needs pair_history
create or replace temp table user_questions as
with wanted as (
    select
        users.user_id,
        users.profile_hash,
        users.summary <> '' or users.job <> '' or len(users.interests) > 0 or len(users.hobbies) > 0
        or len(users.skills) > 0 or said.answers is not null as has_profile
    from users
    left join onboarding_texts as said on said.user_space = users.user_space and said.user_id = users.user_id
    where
        users.user_space = $user_space
        and users.is_active
        and ($is_everybody or users.user_id in (select unnest($user_ids::text[])))
),
kinds as (
    select *, false as is_holdout from wanted
    union all
    select *, true from wanted where user_id in (select unnest($holdout_ids::text[]))
),
liked as (
    select user_id, $catalog as catalog, item_id, occurred_at, fold is not null as is_held_out
    from pair_history
    where weight > 0
    union all
    select user_id, catalog, item_id, max(occurred_at), false
    from weighted_interactions
    where
        user_space = $user_space
        and catalog <> $catalog
        and weight > 0
        and (occurred_at is null or occurred_at < $as_of_end)
    group by user_id, catalog, item_id
    union all
    -- What a user named when they came stands last: what they did since tells more, and decides where it is the same item.
    select named.user_id, named.catalog, named.item_id, null, false
    from onboarding_answers as named
    where
        named.user_space = $user_space
        and named.catalog is not null
        and not exists (
            select 1 from pair_history as done
            where named.catalog = $catalog and done.user_id = named.user_id and done.item_id = named.item_id
        )
        and not exists (
            select 1 from weighted_interactions as done
            where
                named.catalog <> $catalog
                and done.catalog = named.catalog and done.user_id = named.user_id and done.item_id = named.item_id
        )
),
placed as (
    select
        kinds.user_id, kinds.is_holdout, items.catalog, items.item_id, items.content_hash,
        row_number() over (
            partition by kinds.user_id, kinds.is_holdout
            order by liked.occurred_at desc nulls last, items.catalog, items.item_id
        ) as place
    from kinds
    join liked on liked.user_id = kinds.user_id and not (kinds.is_holdout and liked.is_held_out)
    join items on items.catalog = liked.catalog and items.item_id = liked.item_id
),
histories as (
    select
        user_id,
        is_holdout,
        list(struct_pack(catalog, item_id) order by place) as contents,
        string_agg(content_hash, chr(31) order by place) as hashes
    from placed
    where place <= $depth
    group by user_id, is_holdout
)
select
    kinds.user_id,
    kinds.is_holdout,
    sha256(kinds.profile_hash || chr(30) || coalesce(histories.hashes, '')) as question_key,
    coalesce(histories.contents, []) as contents
from kinds
left join histories on histories.user_id = kinds.user_id and histories.is_holdout = kinds.is_holdout
where kinds.has_profile or histories.contents is not null;
