-- purpose: sampled pairs that have no relevance label under today's fingerprint
-- grain: one row per user and content hash, ordered by user
select samples.user_id, samples.profile_hash, samples.content_hash, samples.item_id
from judge_samples as samples
join items on items.catalog = samples.catalog and items.item_id = samples.item_id
    and items.content_hash = samples.content_hash and items.is_active
join users on users.user_space = $user_space and users.user_id = samples.user_id
    and users.profile_hash = samples.profile_hash and users.is_active
where
    samples.catalog = $catalog
    and samples.design = $design
    and not exists (
        select 1 from judge_labels as labels
        where
            labels.profile_hash = samples.profile_hash
            and labels.content_hash = samples.content_hash
            and labels.fingerprint = $fingerprint
    )
order by samples.user_id, samples.content_hash;
