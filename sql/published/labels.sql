-- purpose: today's relevance label of each sampled pair, with its sampling probability, as published
-- grain: one row per active user and active item of catalog $catalog that were sampled and judged
select
    labels.catalog, labels.user_space, labels.user_id, labels.item_id, labels.relevance, labels.confidence,
    labels.sampling_probability, labels.stratum, labels.labeler, labels.fingerprint, labels.reason, labels.created_at
from current_judge_labels as labels
join catalogs on catalogs.catalog = labels.catalog and catalogs.user_space = labels.user_space
where labels.catalog = $catalog;
