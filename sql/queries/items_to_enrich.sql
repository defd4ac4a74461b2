-- purpose: active items whose content has no enrichment under today's fingerprint
-- grain: one row per content hash
select items.content_hash, any_value(items.title) as title, any_value(items.text) as text, any_value(items.author) as author
from items
where
    items.catalog = $catalog
    and items.is_active
    and not exists (
        select 1 from enrichments
        where enrichments.content_hash = items.content_hash and enrichments.fingerprint = $fingerprint
    )
group by items.content_hash
order by items.content_hash;
