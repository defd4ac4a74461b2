-- purpose: how many claims of today's enrichments their texts carry
-- grain: one row
select
    coalesce(sum(n_claims), 0)::bigint as n_claims, coalesce(sum(least(len(ungrounded), n_claims)), 0)::bigint as n_ungrounded
from current_enrichments
where catalog = $catalog;
