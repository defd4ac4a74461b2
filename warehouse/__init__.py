"""The only code that opens DuckDB or writes Parquet. Its data lies in a folder of the operator's choice."""
