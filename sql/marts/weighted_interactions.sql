-- purpose: interactions with the weight and the grade that their catalog gives to the event
-- grain: one row per interaction; weight, is_seen and grade are null where no rule fits
with weights as (
    select
        catalog, event,
        list(struct_pack(min_value := min_value, weight := weight, is_seen := is_seen) order by position) as rules
    from catalog_events
    group by catalog, event
),
grades as (
    select catalog, event, list(struct_pack(min_value := min_value, grade := grade) order by position) as rules
    from catalog_grades
    group by catalog, event
),
found as (
    select
        interactions.*,
        catalogs.user_space,
        -- The first rule that fits counts: a row needs no sort for it.
        list_filter(
            weights.rules, lambda rule: rule.min_value is null or interactions.value >= rule.min_value
        )[1] as weighed,
        list_filter(
            grades.rules, lambda rule: rule.min_value is null or interactions.value >= rule.min_value
        )[1] as graded
    from interactions
    join catalogs on catalogs.catalog = interactions.catalog
    left join weights on weights.catalog = interactions.catalog and weights.event = interactions.event
    left join grades on grades.catalog = interactions.catalog and grades.event = interactions.event
)
select * exclude (weighed, graded), weighed.weight as weight, weighed.is_seen as is_seen, graded.grade as grade
from found
