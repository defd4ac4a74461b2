-- purpose: the users of whom most is known: who liked most items comes first
-- grain: one row per active user, at most $n_users
select users.user_id
from users
left join weighted_interactions as liked
    on liked.user_space = users.user_space and liked.user_id = users.user_id and liked.weight > 0
    and (liked.occurred_at is null or liked.occurred_at < $as_of_end)
where users.user_space = $user_space and users.is_active
group by users.user_id
order by count(distinct liked.item_id) desc, users.user_id
limit $n_users;
