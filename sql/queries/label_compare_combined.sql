-- purpose: how many combined labels a catalog has
-- grain: one row per task
select task, count(*) as n_labels, any_value(method) as method, max(created_at) as made_at
from combined_labels
where catalog = $catalog
group by task
order by task;
