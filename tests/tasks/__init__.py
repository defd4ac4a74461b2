"""Each step at its tables, over a small catalog, without Prefect, model or network."""
