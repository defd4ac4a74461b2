-- purpose: the catalog files that this warehouse was filled from
-- grain: one row per catalog
select catalog, file, parameters::text as parameters from catalogs order by catalog;
