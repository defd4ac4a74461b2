-- purpose: users of whom something is known that the sources of a fold were not told: what it holds out, or labels
-- grain: one row per user; labels count in fold 0
select user_id from pair_grades where catalog = $catalog and list_contains($truths, truth) and $fold = 0
union
select user_id from pair_history where fold = $fold and grade is not null and $use_interactions
order by 1;
