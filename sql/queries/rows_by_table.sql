-- purpose: how much the warehouse holds
-- grain: one row per table
select table_name, estimated_size as n_rows from duckdb_tables() where not temporary order by table_name;
