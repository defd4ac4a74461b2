-- purpose: what people and today's labelers say of the questions that people have reviewed
-- grain: one row per catalog, task, question and voice; kind is person or labeler
with latest as (
    select *
    from human_labels
    qualify row_number() over (
        partition by catalog, task, question_key, reviewer order by reviewed_at desc, imported_at desc
    ) = 1
),
questions as (
    select distinct catalog, task, question_key from latest
),
labelers as (
    select catalog, task, question_key, labeler, answer, position from panel_answers
    union all
    select active.catalog, said.task, said.question_key, said.labeler, said.answer, 1000
    from active_fingerprints as active
    join label_answers as said on said.task = active.task and said.fingerprint = active.fingerprint
    union all
    -- who describes an item says that the description is right
    select catalog, 'enrich', content_hash, labeler, 'true', 0 from current_enrichments
    union all
    select catalog, task, question_key, 'combined', answer, 2000 from combined_labels
),
voices as (
    select catalog, task, question_key, 'person' as kind, reviewer as voice, answer from latest
    union all
    select labelers.catalog, labelers.task, labelers.question_key, 'labeler', labelers.labeler, labelers.answer
    from labelers
    join questions using (catalog, task, question_key)
    qualify row_number() over (
        partition by labelers.catalog, labelers.task, labelers.question_key, labelers.labeler order by labelers.position
    ) = 1
)
from voices
order by catalog, task, question_key, kind, voice;
