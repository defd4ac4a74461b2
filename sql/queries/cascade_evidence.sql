-- purpose: what everybody has said about the topic of each active content that has a vector
-- grain: one row per content hash, in its order; the answers are null where nobody of that role has answered, and
--   '(none of these)' where the answer was that no topic fits
with contents as (
    select embeddings.content_hash
    from active_fingerprints as active
    join embeddings on embeddings.fingerprint = active.fingerprint
    where
        active.catalog = $catalog
        and active.task = 'embed_items'
        and embeddings.content_hash in (select content_hash from items where catalog = $catalog and is_active)
),
answers as (
    select labels.content_hash, members.role, coalesce(labels.primary_topic, '(none of these)') as answer, labels.topics
    from panel_members as members
    join topic_labels as labels on labels.fingerprint = members.fingerprint
    where members.catalog = $catalog and members.task = 'topics'
)
select
    contents.content_hash,
    cheap.answer as cheap, coalesce(cheap.topics, []) as cheap_topics,
    strong.answer as strong,
    case when people.question_key is not null then coalesce(people.answer, '(none of these)') end as people,
    audit.probability as audit_probability,
    asked.question_key is not null as is_asked
from contents
left join answers as cheap on cheap.content_hash = contents.content_hash and cheap.role = 'cheap'
left join answers as strong on strong.content_hash = contents.content_hash and strong.role = 'strong'
left join person_labels as people on people.catalog = $catalog and people.task = 'topics'
    and people.question_key = contents.content_hash
left join audit_samples as audit on audit.catalog = $catalog and audit.task = 'topics'
    and audit.question_key = contents.content_hash
left join cascade_questions as asked on asked.catalog = $catalog and asked.role = 'strong'
    and asked.question_key = contents.content_hash
order by contents.content_hash;
