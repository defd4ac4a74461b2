"""The sharded work: the same function of a kit and a part's own input, in this process or on workers elsewhere.

A kit is what all shards of a stage share (item index, fitted sources, facts, model); a part is what one shard needs beside
it, read from the warehouse. Workers share a folder or an object store with the coordinator and nothing else: no DuckDB, no
Prefect, no settings.

codec        kits and parts as JSON, .npy and Parquet; never pickle
shared       the folder or object store: atomic writes, reads held to their sha256
jobs         the functions that run there: retrieve, rank
embedding    texts to vectors in parts
labeling     questions to the embedded labeler in parts
publishing   the published files of lists, a file a part
training     rows that are learnt from in parts
running      a stage's parts through threads of this process or through a pool
memory       what one shard frees is kept for the next
dask_pool    a pool on a Dask cluster
worker       what a worker runs: check in, fetch, compute, write, report
"""
