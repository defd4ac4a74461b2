-- purpose: today's relevance label of each sampled pair, with the probability that the pair was sampled
-- grain: one row per catalog, active user and active item that were sampled and judged
select
    samples.catalog, users.user_space, samples.user_id, samples.item_id, samples.stratum, samples.sampling_probability,
    judge_labels.*
from judge_samples as samples
join active_fingerprints as active on active.catalog = samples.catalog and active.task = 'judge'
join active_fingerprints as design on design.catalog = samples.catalog and design.task = 'judge_design'
    and design.fingerprint = samples.design
join judge_labels
    on judge_labels.profile_hash = samples.profile_hash
    and judge_labels.content_hash = samples.content_hash
    and judge_labels.fingerprint = active.fingerprint
join items on items.catalog = samples.catalog and items.item_id = samples.item_id
    and items.content_hash = samples.content_hash and items.is_active
join users on users.user_id = samples.user_id and users.profile_hash = samples.profile_hash and users.is_active
