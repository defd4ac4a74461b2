-- purpose: make room for the grade rules of this run
-- grain: one row per rule
delete from catalog_grades where catalog = $catalog;
