-- purpose: questions that are asked again, as they found no answer
-- grain: one row
select count(*) as n_letters from dead_letters where catalog = $catalog and list_contains($tasks, task);
