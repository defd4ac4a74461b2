-- purpose: the active contents of a catalog as the judge's sources search them: their words, and how much they were chosen
-- grain: one row per content hash that has a vector; needs the temporary table pair_history
with chosen as (
    select
        items.content_hash,
        sum(history.weight * 0.5 ** (coalesce(history.age_days, 0) / $half_life_days) order by history.user_id, history.item_id)
            as popularity
    from pair_history as history
    join items on items.catalog = $catalog and items.item_id = history.item_id
    where history.weight > 0
    group by items.content_hash
),
contents as (
    select vectors.content_hash, min(vectors.item_id) as item_id
    from current_item_vectors as vectors
    where vectors.catalog = $catalog and vectors.is_active
    group by vectors.content_hash
)
select contents.content_hash, items.title, items.text, coalesce(chosen.popularity, 0) as popularity
from contents
join items on items.catalog = $catalog and items.item_id = contents.item_id
left join chosen on chosen.content_hash = contents.content_hash
order by contents.content_hash;
