-- purpose: today's relevance label of each sampled pair: a person's, else the combined one, else the first labeler's
-- grain: one row per catalog, active user and active item that were sampled and judged, with the probability of the sample
select
    samples.catalog, users.user_space, samples.user_id, samples.item_id, samples.stratum, samples.sampling_probability,
    samples.profile_hash, samples.content_hash, active.fingerprint,
    case when person.question_key is not null then 'person:' || person.reviewers
        when combined.question_key is not null then 'combined:' || combined.source
        else single.labeler end as labeler,
    coalesce(person.answer::integer, combined.answer::integer, single.relevance) as relevance,
    coalesce(person.confidence, combined.confidence, single.confidence) as confidence,
    coalesce(person.note, single.reason, '') as reason,
    coalesce(single.requests, 0) as requests, coalesce(single.tokens_in, 0) as tokens_in,
    coalesce(single.tokens_out, 0) as tokens_out, coalesce(single.cost_usd, 0) as cost_usd,
    coalesce(single.run_id, combined.run_id, '') as run_id,
    coalesce(single.created_at, combined.created_at, person.reviewed_at) as created_at
from judge_samples as samples
join active_fingerprints as active on active.catalog = samples.catalog and active.task = 'judge'
join active_fingerprints as design on design.catalog = samples.catalog and design.task = 'judge_design'
    and design.fingerprint = samples.design
join items on items.catalog = samples.catalog and items.item_id = samples.item_id
    and items.content_hash = samples.content_hash and items.is_active
join users on users.user_id = samples.user_id and users.profile_hash = samples.profile_hash and users.is_active
left join judge_labels as single
    on single.profile_hash = samples.profile_hash
    and single.content_hash = samples.content_hash
    and single.fingerprint = active.fingerprint
left join person_labels as person on person.catalog = samples.catalog and person.task = 'judge'
    and person.question_key = samples.profile_hash || '|' || samples.content_hash
left join combined_labels as combined on combined.catalog = samples.catalog and combined.task = 'judge'
    and combined.question_key = samples.profile_hash || '|' || samples.content_hash
where single.relevance is not null or person.answer is not null or combined.answer is not null
