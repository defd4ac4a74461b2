"""The bare calls of benchmarks/million_night.py: faiss, LightGBM and pyarrow on the arrays of the stages, and nothing else.

Only the calls are timed; what they are given is made by the code of the stages, before and between.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import lightgbm as lgb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.million_catalog import make_context
from tasks.contracts.catalog import Catalog
from tasks.loading.arrays import FOR_FEATURES, load_catalog_arrays, load_facts, load_shard
from tasks.loading.history import make_history
from tasks.loading.serving_model import serving_model
from tasks.ranking.features import build_features
from tasks.ranking.lambdamart import feature_matrix
from tasks.ranking.model import load_ranker
from tasks.retrieval.approximate_search import ApproximateSearch, measure_recall
from tasks.retrieval.build import item_search_of
from tasks.retrieval.dense_history import DenseHistory
from tasks.retrieval.exact_search import ExactSearch
from warehouse.connection import open_warehouse
from warehouse.outputs import latest_output

SEARCHED_USERS = 50_000
"""Queries are those of so many users at most, drawn evenly; the time is multiplied up to all."""

RECALL_QUERIES = 500
BARE_ROWS, BARE_SHARDS, ROUNDS = 400_000, 10, 5
TRAINING_ROWS = 50_000


def search_all(folder: Path, catalog: Catalog, *, threads: int) -> dict[str, Any]:
    """Search the users' interests as deep as the stage does; recall is of RECALL_QUERIES of them against exact search."""
    context = make_context(folder, catalog, threads=threads)
    with open_warehouse(folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        users = warehouse.query("queries/active_users", user_space=catalog.user_space)["user_id"]
        step = max(1, len(users) // SEARCHED_USERS)
        chosen = users.gather_every(step)[:SEARCHED_USERS].to_list()
        arrays = load_catalog_arrays(warehouse, context, fold=None)
        shard = load_shard(warehouse, context, arrays.index, user_ids=chosen, fold=None)
    source = next(one for one in arrays.sources if isinstance(one, DenseHistory))
    search = item_search_of(arrays.sources)
    if not isinstance(search, ApproximateSearch):
        raise SystemExit("the catalog is small enough for exact search; make it larger")
    queries = source.queries_of(shard).vectors
    n_seen = int(np.diff(shard.seen_indptr).max())
    depth = 2 ** int(np.ceil(np.log2(catalog.candidates.per_source + n_seen + 1)))
    bare = _bare_index(arrays.index.vectors, search)
    faiss.omp_set_num_threads(threads)
    clock, cpu = time.monotonic(), time.process_time()
    bare.search(queries, depth)
    seconds, cpu_seconds = time.monotonic() - clock, time.process_time() - cpu
    scale = len(users) / len(chosen)
    sample = queries[np.random.default_rng(3).permutation(len(queries))[:RECALL_QUERIES]]
    exact = ExactSearch(arrays.index.vectors, arrays.index.is_active & arrays.index.has_vector)
    return {
        "seconds": seconds * scale, "cpu": cpu_seconds * scale, "queries": round(len(queries) * scale), "depth": depth,
        "searched": len(queries), "recall": measure_recall(search, exact, sample, catalog.candidates.per_source),
        "told_recall": search.index_recall, "probed_share": search.probed_share,
    }  # fmt: skip


def _bare_index(vectors: NDArray[np.float32], search: ApproximateSearch) -> faiss.IndexIVFScalarQuantizer:
    """The same cells as an inverted file of faiss with 8 bits a number, which it searches faster than whole vectors."""
    cells = search.cells
    centres = faiss.IndexFlatIP(vectors.shape[1])
    centres.add(cells.centres.vectors)
    index = faiss.IndexIVFScalarQuantizer(
        centres, vectors.shape[1], len(cells), faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.train(vectors[cells.members[:: max(1, len(cells.members) // TRAINING_ROWS)]])
    own = np.repeat(np.arange(len(cells)), cells.sizes)
    for start in range(0, len(own), TRAINING_ROWS):
        part = slice(start, start + TRAINING_ROWS)
        block, theirs = np.ascontiguousarray(vectors[cells.members[part]]), np.ascontiguousarray(own[part])
        index.add_core(len(block), faiss.swig_ptr(block), None, faiss.swig_ptr(theirs))
    index.nprobe = search.probes
    return index


def predict_all(folder: Path, catalog: Catalog, *, threads: int) -> dict[str, Any]:
    """Predict BARE_ROWS rows of each of BARE_SHARDS shards, ROUNDS times; the median round is multiplied up to all candidates."""
    context = make_context(folder, catalog, threads=threads)
    with open_warehouse(folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        paths = latest_output(warehouse, catalog=catalog.name, stage="candidates", needs="candidates")
        arrays = load_catalog_arrays(warehouse, context, fold=None, only=FOR_FEATURES)
        facts = load_facts(warehouse, context, arrays, fold=None)
        found = serving_model(warehouse, context)
        if found is None:
            raise SystemExit("no model was trained")
        ranker, blocks, n_users = load_ranker(found[1]), [], 0
        for path in paths[:: max(1, len(paths) // BARE_SHARDS)][:BARE_SHARDS]:
            rows = pl.read_parquet(path).head(BARE_ROWS)
            users = rows["user_id"].unique().sort().to_list()
            shard = load_shard(warehouse, context, arrays.index, user_ids=users, fold=None)
            features = build_features(rows, catalog=arrays.index, shard=shard, facts=facts, as_of=context.as_of_end)
            blocks.append(feature_matrix(features, ranker.feature_names))
            n_users += len(users)
    n_rows = int(pl.scan_parquet(paths).select(pl.len()).collect().item())
    models = [lgb.Booster(model_str=text) for text in ranker.model_texts]
    rounds = []
    for _ in range(ROUNDS):
        clock, cpu = time.monotonic(), time.process_time()
        for values in blocks:
            for model in models:
                model.predict(values, num_threads=threads)
        rounds.append((time.monotonic() - clock, time.process_time() - cpu))
    n_predicted = sum(len(values) for values in blocks)
    scale = n_rows / n_predicted
    return {
        "seconds": median(seconds for seconds, _ in rounds) * scale, "cpu": median(used for _, used in rounds) * scale,
        "rounds": [round(seconds * scale, 1) for seconds, _ in rounds], "rows": n_rows, "predicted": n_predicted,
        "features": blocks[0].shape[1], "trees": ranker.n_trees, "users": n_users,
    }  # fmt: skip


def write_all(folder: Path) -> dict[str, Any]:
    """Write the rows of the published table recommendations, file by file, as they lie there."""
    latest = json.loads((folder / "published/latest.json").read_text())
    files = sorted((folder / "published/recommendations/v1" / f"run={latest['publication']}").glob("*.parquet"))
    target, seconds, cpu, n_rows = folder / "bare.parquet", 0.0, 0.0, 0
    writer: pq.ParquetWriter | None = None
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=BARE_ROWS):
            clock, used = time.monotonic(), time.process_time()
            writer = writer or pq.ParquetWriter(target, batch.schema, compression="zstd")
            writer.write_batch(batch)
            seconds, cpu, n_rows = (
                seconds + time.monotonic() - clock,
                cpu + time.process_time() - used,
                n_rows + len(batch),
            )
    if writer is not None:
        writer.close()
    n_bytes = target.stat().st_size
    target.unlink()
    return {"seconds": seconds, "cpu": cpu, "rows": n_rows, "mb": n_bytes / 1e6}
