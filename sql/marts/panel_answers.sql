-- purpose: the answers of today's labelers of each task, people not among them
-- grain: one row per catalog, task, question of today and member of the panel who has answered it
select
    questions.catalog, questions.task, questions.question_key, questions.item_id, questions.other_item_id, questions.user_id,
    members.position, members.role, answers.* exclude (task, question_key)
from panel_members as members
join label_questions as questions on questions.catalog = members.catalog and questions.task = members.task
join label_answers as answers on answers.task = members.task and answers.question_key = questions.question_key
    and answers.fingerprint = members.fingerprint
