-- purpose: today's enrichment of each active item, as published
-- grain: one row per active item of catalog $catalog that has one
select catalog, item_id, summary, themes, mood, audience, keywords, aspects::text as aspects, confidence, labeler, fingerprint
from current_enrichments
where catalog = $catalog;
