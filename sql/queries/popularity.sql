-- purpose: how much each item was chosen lately: weights halve with every half-life
-- grain: one row per item that was ever chosen; sums are of whole billionths, so that their order does not show
select
    item_id,
    sum(round(weight * 0.5 ** (coalesce(age_days, 0) / $half_life_days) * 1e9)::hugeint)::double / 1e9 as popularity
from pair_history
where weight > 0 and ($fold::integer is null or fold is distinct from $fold::integer)
group by item_id;
