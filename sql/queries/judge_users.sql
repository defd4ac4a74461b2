-- purpose: the active users of a space, and whether their pairs have been drawn
-- grain: one row per active user
select users.user_id, users.profile_hash, drawn.key_hash is not null as is_drawn
from users
left join judge_drawn as drawn
    on drawn.catalog = $catalog and drawn.design = $design and drawn.kind = 'user' and drawn.key_hash = users.profile_hash
where users.user_space = $user_space and users.is_active
order by users.user_id;
