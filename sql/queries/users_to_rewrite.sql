-- purpose: users whose question has no search texts under today's fingerprint
-- grain: one row per question, in places from 1 by user; of equal questions of a user one. Needs user_questions
create or replace temp table users_to_rewrite as
with due as (
    select user_id, question_key, contents
    from user_questions as questions
    where not exists (
        select 1 from user_queries as answers
        where answers.question_key = questions.question_key and answers.fingerprint = $fingerprint
    )
    qualify row_number() over (partition by user_id, question_key order by is_holdout) = 1
)
select row_number() over (order by user_id, question_key) as place, user_id, question_key, contents
from due
order by place;
