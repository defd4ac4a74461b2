-- purpose: the questions that today's labelers answer differently, with what each of them says
-- grain: one row per catalog, task and question with two different answers
select
    catalog, task, question_key, any_value(item_id) as item_id, any_value(other_item_id) as other_item_id,
    any_value(user_id) as user_id,
    list(struct_pack(labeler := labeler, answer := answer, confidence := confidence, reason := reason) order by position) as answers
from panel_answers
group by catalog, task, question_key
having count(distinct coalesce(answer, '')) > 1
