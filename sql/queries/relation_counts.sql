-- purpose: how many relations the catalog has
-- grain: one row per relation
select relation, count(*) as n_relations from item_relations where catalog = $catalog group by relation order by relation;
