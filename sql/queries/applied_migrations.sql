-- purpose: the migrations that the warehouse has had
-- grain: one row per migration
select name from schema_migrations order by name;
