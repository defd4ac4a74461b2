-- purpose: the topics of a catalog, before today's are stored
-- grain: one row per topic of catalog $catalog
delete from catalog_topics where catalog = $catalog;
