-- purpose: interactions with the weight and the grade that their catalog gives to the event
-- grain: one row per interaction; weight, is_seen and grade are null where no rule fits
with weighted as (
    select interactions.*, catalogs.user_space, rules.weight, rules.is_seen
    from interactions
    join catalogs on catalogs.catalog = interactions.catalog
    left join catalog_events as rules
        on rules.catalog = interactions.catalog
        and rules.event = interactions.event
        and (rules.min_value is null or interactions.value >= rules.min_value)
    qualify row_number() over (partition by interactions.catalog, interactions.row_hash order by rules.position) = 1
)
select weighted.*, rules.grade
from weighted
left join catalog_grades as rules
    on rules.catalog = weighted.catalog
    and rules.event = weighted.event
    and (rules.min_value is null or weighted.value >= rules.min_value)
qualify row_number() over (partition by weighted.catalog, weighted.row_hash order by rules.position) = 1
