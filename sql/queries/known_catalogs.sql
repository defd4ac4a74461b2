-- purpose: the catalog files that this warehouse was filled from
-- grain: one row per catalog
select catalog, file, parameters::text as parameters, config_hash from catalogs order by catalog;
