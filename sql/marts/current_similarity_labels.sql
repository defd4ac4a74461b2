-- purpose: today's verdict on each pair of near items: a person's, else the combined one, else the first labeler's
-- grain: one row per catalog and pair of content hashes, both of active items
with active_contents as (
    select distinct catalog, content_hash from items where is_active
)
select
    active.catalog,
    case when person.question_key is not null then 'person:' || person.reviewers
        when combined.question_key is not null then 'combined:' || combined.source
        else single.labeler end as labeler,
    coalesce(person.answer::boolean, combined.answer::boolean, single.is_similar) as is_similar,
    -- as in similarity_labels: the probability that the two are similar
    case when person.question_key is not null then case when person.answer::boolean then person.confidence else 1 - person.confidence end
        when combined.question_key is not null then case when combined.answer::boolean then combined.confidence else 1 - combined.confidence end
        else single.confidence end as confidence,
    coalesce(person.note, single.reason) as reason,
    single.* exclude (labeler, is_similar, confidence, reason)
from active_fingerprints as active
join similarity_labels as single on single.fingerprint = active.fingerprint
join active_contents as a on a.catalog = active.catalog and a.content_hash = single.hash_a
join active_contents as b on b.catalog = active.catalog and b.content_hash = single.hash_b
left join person_labels as person on person.catalog = active.catalog and person.task = 'similar'
    and person.question_key = single.hash_a || '|' || single.hash_b
left join combined_labels as combined on combined.catalog = active.catalog and combined.task = 'similar'
    and combined.question_key = single.hash_a || '|' || single.hash_b
where active.task = 'similar'
