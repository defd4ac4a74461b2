-- purpose: what is no user's question any more is no dead letter any more
-- grain: one row per question
delete from dead_letters
where catalog = $catalog and task = 'rewrite' and question_key not in (select question_key from user_questions);
