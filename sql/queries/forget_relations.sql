-- purpose: make room for the relations of this run
-- grain: one row per relation of catalog $catalog
delete from item_relations where catalog = $catalog;
