-- purpose: the active users of a space of whom something is known, and whether their pairs have been drawn
-- grain: one row per active user with a profile or a liked item
select users.user_id, users.profile_hash, drawn.key_hash is not null as is_drawn
from users
left join judge_drawn as drawn
    on drawn.catalog = $catalog and drawn.design = $design and drawn.kind = 'user' and drawn.key_hash = users.profile_hash
where
    users.user_space = $user_space
    and users.is_active
    and (
        users.summary <> '' or len(users.interests) > 0 or len(users.hobbies) > 0 or len(users.onboarding) > 0
        or exists (
            select 1 from weighted_interactions as liked
            where liked.user_space = users.user_space and liked.user_id = users.user_id and liked.weight > 0
        )
    )
order by users.user_id;
