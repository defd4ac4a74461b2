-- purpose: today's search texts of some users with their vectors, where the model that embeds the items made these
-- grain: one row per user and text, wanted or avoided; needs user_questions
with answers as (
    select questions.user_id, answers.queries, answers.needs, answers.avoid
    from user_questions as questions
    join active_fingerprints as labels on labels.catalog = $catalog and labels.task = 'rewrite'
    join user_queries as answers
        on answers.question_key = questions.question_key and answers.fingerprint = labels.fingerprint
    where questions.is_holdout = $is_holdout
),
texts as (
    select user_id, false as is_avoided, unnest(list_concat(queries, needs)) as text from answers
    union
    select user_id, true, unnest(avoid) from answers
)
select texts.user_id, texts.is_avoided, embeddings.vector
from texts
join active_fingerprints as active on active.catalog = $catalog and active.task = 'embed_queries'
join active_fingerprints as of_items
    on of_items.catalog = $catalog and of_items.task = 'embed_items' and of_items.labeler = active.labeler
join embeddings on embeddings.fingerprint = active.fingerprint and embeddings.content_hash = sha256(texts.text)
order by texts.user_id, texts.is_avoided, texts.text;
