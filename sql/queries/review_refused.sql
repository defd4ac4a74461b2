-- purpose: the rows of a file that were refused, with the reason
-- grain: one row per refused row, in the order of the file
select
    place as row, catalog, task, coalesce(question_key, '') as question_key,
    concat_ws(' ', user_id, item_id, other_item_id) as ids, reviewer, problem
from review_resolved
where outcome = 'refused'
order by place;
