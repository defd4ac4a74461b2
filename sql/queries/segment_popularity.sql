-- purpose: how much each segment of users chose an item lately: weights halve with every half-life
-- grain: one row per segment and item that users of the segment ever chose, but for what the fold holds out
select
    users.segment, pairs.item_id,
    sum(round(pairs.weight * 0.5 ** (coalesce(pairs.age_days, 0) / $half_life_days) * 1e9)::hugeint)::double / 1e9
        as popularity
from pair_history as pairs
join users on users.user_space = $user_space and users.user_id = pairs.user_id and users.segment <> ''
where pairs.weight > 0 and ($fold::integer is null or pairs.fold is distinct from $fold::integer)
group by users.segment, pairs.item_id
order by users.segment, pairs.item_id;
