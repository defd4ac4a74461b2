-- purpose: the sampled pairs of today's users, by the night that drew them, for the lists in which they are compared
-- grain: one row per user and content hash, ordered by user and then by when the pair was drawn
select
    samples.user_id, samples.profile_hash, samples.content_hash, samples.run_id,
    items.item_id is not null and vectors.content_hash is not null as is_active
from judge_samples as samples
join users on users.user_space = $user_space and users.user_id = samples.user_id
    and users.profile_hash = samples.profile_hash and users.is_active
left join items on items.catalog = samples.catalog and items.item_id = samples.item_id
    and items.content_hash = samples.content_hash and items.is_active
left join (
    select distinct content_hash from current_item_vectors where catalog = $catalog and is_active
) as vectors on vectors.content_hash = samples.content_hash
left join runs on runs.run_id = samples.run_id
where samples.catalog = $catalog and samples.design = $design
order by samples.user_id, runs.started_at, samples.run_id, samples.content_hash;
