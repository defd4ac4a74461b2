-- purpose: users of whom something is known that the sources of a fold were not told: what it holds out, or labels
-- grain: one row per user; labels count in fold 0
with known as (
    select user_id, true as is_labelled
    from pair_grades
    where catalog = $catalog and list_contains($truths, truth) and $fold = 0
    union all
    select user_id, false from pair_history where fold = $fold and grade is not null and $use_interactions
)
select user_id, bool_or(is_labelled) as is_labelled from known group by user_id order by user_id;
