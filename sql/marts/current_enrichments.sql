-- purpose: today's enrichment of each active item
-- grain: one row per active item that has one
select items.catalog, items.item_id, enrichments.*
from items
join active_fingerprints as active on active.catalog = items.catalog and active.task = 'enrich'
join enrichments on enrichments.content_hash = items.content_hash and enrichments.fingerprint = active.fingerprint
where items.is_active
