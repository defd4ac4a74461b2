-- purpose: users of whom something is known that the sources were not told: labels, or held-out interactions
-- grain: one row per user
select user_id from current_judge_labels where catalog = $catalog and $use_judge
union
select user_id from pair_history where is_held_out and grade is not null and $use_interactions
order by 1;
