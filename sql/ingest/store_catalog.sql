-- purpose: remember the catalog of this run
-- grain: one row
insert or replace into catalogs values ($catalog, $user_space, $title, $licence, $config_hash, $file, $parameters, $run_id);
