-- purpose: what today's labelers answer to a task, a cascade's strong labeler left out
-- grain: one row per question and labeler
select question_key, position, labeler, fingerprint, answer, confidence
from panel_answers
where catalog = $catalog and task = $task and role <> 'strong'
order by question_key, position;
