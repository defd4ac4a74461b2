-- purpose: what people say of the questions of a task
-- grain: one row per question that people agree on; item_id and other fields are null for a question of yesterday
select question_key, answer, confidence, n_reviewers
from person_labels
where catalog = $catalog and task = $task
order by question_key;
