-- purpose: which items are related, but for also_bought, which knows the held-out pairs too
-- grain: one row per item, related item and relation
select item_id, related_id, relation, strength
from item_relations
where catalog = $catalog and relation <> 'also_bought'
order by item_id, relation, related_id;
