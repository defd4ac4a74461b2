-- purpose: what people and what labelers say of a pair, apart: the catalog's relevance.truth decides whose grade counts
-- grain: one row per catalog, active user, active item and truth (people, judge), with the probability of the sample; a
-- pair that people graded and nobody had drawn stands for itself alone: 1
with sampled as (
    select
        samples.catalog, samples.user_id, samples.item_id, samples.profile_hash, samples.content_hash,
        samples.profile_hash || '|' || samples.content_hash as question_key, samples.sampling_probability
    from judge_samples as samples
    join active_fingerprints as design on design.catalog = samples.catalog and design.task = 'judge_design'
        and design.fingerprint = samples.design
    join catalogs on catalogs.catalog = samples.catalog
    join items on items.catalog = samples.catalog and items.item_id = samples.item_id
        and items.content_hash = samples.content_hash and items.is_active
    join users on users.user_space = catalogs.user_space and users.user_id = samples.user_id
        and users.profile_hash = samples.profile_hash and users.is_active
),
person as (
    select catalog, question_key, answer::integer as grade
    from person_labels
    where task = 'judge' and answer is not null
),
chosen as (
    select person.catalog, users.user_id, min(items.item_id) as item_id, any_value(person.grade) as grade
    from person
    join catalogs on catalogs.catalog = person.catalog
    join users on users.user_space = catalogs.user_space and users.is_active
        and users.profile_hash = split_part(person.question_key, '|', 1)
    join items on items.catalog = person.catalog and items.is_active
        and items.content_hash = split_part(person.question_key, '|', 2)
    anti join sampled on sampled.catalog = person.catalog and sampled.question_key = person.question_key
    group by person.catalog, users.user_id, person.question_key
)
select sampled.catalog, sampled.user_id, sampled.item_id, 'people' as truth, person.grade, sampled.sampling_probability
from sampled
join person on person.catalog = sampled.catalog and person.question_key = sampled.question_key
union all
select catalog, user_id, item_id, 'people', grade, 1.0 from chosen
union all
select
    sampled.catalog, sampled.user_id, sampled.item_id, 'judge', coalesce(combined.answer::integer, single.relevance),
    sampled.sampling_probability
from sampled
join active_fingerprints as active on active.catalog = sampled.catalog and active.task = 'judge'
left join judge_labels as single on single.profile_hash = sampled.profile_hash
    and single.content_hash = sampled.content_hash and single.fingerprint = active.fingerprint
left join combined_labels as combined on combined.catalog = sampled.catalog and combined.task = 'judge'
    and combined.question_key = sampled.question_key
where combined.answer is not null or single.relevance is not null
