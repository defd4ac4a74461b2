-- purpose: today's topic label of each active item: a person's, else the combined one, else the first labeler's
-- grain: one row per active item that has one; an abstention has a null primary_topic
with chosen as (
    select
        items.catalog, items.item_id, items.content_hash, active.fingerprint,
        case when person.question_key is not null then 'person:' || person.reviewers
            when combined.question_key is not null then 'combined:' || combined.source
            else single.labeler end as by_whom,
        case when person.question_key is not null then person.answer
            when combined.question_key is not null then combined.answer
            else single.primary_topic end as chosen_topic,
        coalesce(person.confidence, combined.confidence, single.confidence) as chosen_confidence,
        person.question_key is null and combined.question_key is null as is_single,
        case when person.question_key is not null then person.note
            when combined.question_key is not null and combined.answer is distinct from single.primary_topic then
                'combined from ' || combined.n_labelers || ' answers'
            else coalesce(single.reason, '') end as why,
        coalesce(single.topics, []) as said,
        coalesce(single.requests, 0) as requests, coalesce(single.tokens_in, 0) as tokens_in,
        coalesce(single.tokens_out, 0) as tokens_out, coalesce(single.cost_usd, 0) as cost_usd,
        coalesce(single.run_id, combined.run_id, '') as run_id,
        coalesce(single.created_at, combined.created_at, person.reviewed_at) as created_at
    from items
    join active_fingerprints as active on active.catalog = items.catalog and active.task = 'topics'
    left join topic_labels as single
        on single.content_hash = items.content_hash and single.fingerprint = active.fingerprint
    left join person_labels as person on person.catalog = items.catalog and person.task = 'topics'
        and person.question_key = items.content_hash
    left join combined_labels as combined on combined.catalog = items.catalog and combined.task = 'topics'
        and combined.question_key = items.content_hash
    where
        items.is_active
        and (single.content_hash is not null or person.question_key is not null or combined.question_key is not null)
)
select
    chosen.catalog, item_id, content_hash, fingerprint, by_whom as labeler, chosen_topic as primary_topic,
    coalesce(parents.parent, chosen_topic) as parent_topic,
    case when is_single then said
        when chosen_topic is null then []
        -- what the first labeler said beside it stays, behind the answer that counts
        else list_concat(
            [struct_pack(topic := chosen_topic, confidence := chosen_confidence)],
            list_filter(said, lambda one: one.topic <> chosen_topic)
        )[:3] end as topics,
    chosen_confidence as confidence, why as reason, requests, tokens_in, tokens_out, cost_usd, run_id, created_at
from chosen
left join catalog_topics as parents on parents.catalog = chosen.catalog and parents.topic = chosen_topic
