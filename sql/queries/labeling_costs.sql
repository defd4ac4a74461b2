-- purpose: what one labeler's answers about the active contents have cost so far
-- grain: one row
select
    count(*) as n_labels,
    coalesce(sum(labels.tokens_in + labels.tokens_out), 0)::bigint as tokens,
    coalesce(sum(labels.cost_usd), 0)::double as cost_usd
from topic_labels as labels
where
    labels.fingerprint = $fingerprint
    and labels.content_hash in (select content_hash from items where catalog = $catalog and is_active);
