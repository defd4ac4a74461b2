-- purpose: search texts of today's questions that have no vector under today's fingerprint
-- grain: one row per text, in the order of its hash; the first $limit after $after
with texts as (
    select distinct unnest(list_concat(answers.queries, answers.needs, answers.avoid)) as text
    from user_questions as questions
    join user_queries as answers on answers.question_key = questions.question_key
    where answers.fingerprint = $labels
),
hashed as (
    select sha256(text) as content_hash, text from texts
)
select content_hash, text
from hashed
where
    content_hash > $after
    and not exists (
        select 1 from embeddings
        where embeddings.content_hash = hashed.content_hash and embeddings.fingerprint = $fingerprint
    )
order by content_hash
limit $limit;
