"""Near-duplicates among a million items: the stage `similar` as a night runs it, and what it finds of what exact search finds.

    python -m benchmarks.near_duplicates_million [--items 1000000] [--small] [--output PAGE]

Makes a warehouse of items in clusters of 250 around topics (benchmarks/million_data.py; two items of a cluster have a cosine of
about .55) and plants a near copy of every fiftieth, its cosine to the original drawn evenly from .75 to 1. Then three nights:
all is new; one item in a hundred is new; nothing is new. Each runs the whole stage: vectors read, pairs searched, landed,
verified by the embedded labeler, items grouped. Recall is measured on 1,000 items drawn by another seed than the stage's own
sample, against exact search (faiss flat) of each among all, and on the planted copies. --small is 50,000 items with the
index forced, about a minute; a million takes about 20 minutes and 10 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.million_data import CATALOG, DIMENSION, fill
from tasks.contracts.catalog import Catalog, SourceConfig
from tasks.contracts.context import StepContext
from tasks.contracts.labels import SimilarConfig
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.neighbours import find_near_pairs
from tasks.similar import similar
from warehouse.connection import Warehouse, open_warehouse
from warehouse.vectors import read_vectors

DAY = date(2026, 11, 1)
EVERY, NEW_SHARE, SAMPLE, SEED = 50, 0.01, 1000, 29
LOW = 0.75
PACKAGES = ("faiss-cpu", "duckdb", "numpy", "polars")


@dataclass(frozen=True)
class Night:
    """One run of the stage: wall and CPU seconds, contents searched, pairs known at its end, and its notes."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    n_pairs: int
    notes: tuple[str, ...]


def plant(folder: Path, *, n_items: int, step: int, offset: int, prefix: str) -> int:
    """A near copy of every step-th item from offset on, with a text that says so; how many."""
    numbers = np.arange(offset, n_items, step)
    rng = np.random.default_rng((SEED, offset))
    with open_warehouse(folder, memory_limit_mb=4096) as warehouse:
        for start in range(0, len(numbers), 20_000):
            part = numbers[start : start + 20_000]
            hashes = [f"i{number:07d}" for number in part]
            frame, vectors = read_vectors(warehouse, "queries/content_vectors_of", catalog=CATALOG, keys=hashes)
            order = np.argsort(frame["content_hash"].to_numpy())
            cosine = rng.uniform(LOW, 1.0, size=(len(part), 1))
            noise = rng.standard_normal((len(part), DIMENSION))
            base = vectors[order].astype(np.float64)
            noise -= (noise * base).sum(axis=1, keepdims=True) * base
            noise /= np.linalg.norm(noise, axis=1, keepdims=True)
            copies = (cosine * base + np.sqrt(1 - cosine**2) * noise).astype(np.float32)
            _insert_copies(warehouse, hashes, copies, prefix=prefix)
    return len(numbers)


def _insert_copies(warehouse: Warehouse, hashes: list[str], vectors: np.ndarray[Any, Any], *, prefix: str) -> None:
    connection = warehouse.connection
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION)
    connection.register("made", pa.table({"origin": hashes, "vector": column}))
    connection.execute(
        "insert into items by name select items.* replace ($prefix || origin as item_id, $prefix || origin as content_hash,"
        " text || ' Again.' as text) from made join items on items.catalog = $name and items.item_id = made.origin",
        {"prefix": prefix, "name": CATALOG},
    )
    connection.execute(
        "insert into embeddings by name select $prefix || origin as content_hash, 'embed_items' as fingerprint,"
        " vector::float[] as vector, 'r0' as run_id, timestamp '2026-10-01' as created_at from made",
        {"prefix": prefix},
    )
    connection.unregister("made")


def run_night(name: str, context: StepContext) -> Night:
    """The stage, once."""
    clock, spent = time.perf_counter(), time.process_time()
    report = similar.fn(context)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - spent
    with open_warehouse(context.folder, read_only=True) as warehouse:
        n_pairs = warehouse.connection.sql("select count(*) from similar_pairs").fetchall()[0][0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {seconds:.1f} s; {'; '.join(report.notes)}", flush=True)
    return Night(name, seconds, cpu, peak, n_pairs, report.notes)


def measure(folder: Path, config: SimilarConfig) -> tuple[int, int, float]:
    """Near pairs of SAMPLE items by exact search, how many of them the warehouse has, and seconds a thousand queries."""
    with open_warehouse(folder, read_only=True) as warehouse:
        frame, vectors = read_vectors(warehouse, "queries/item_vectors", catalog=CATALOG)
        known = warehouse.connection.sql("select hash_a, hash_b from similar_pairs").pl()
    queries = np.random.default_rng(SEED).permutation(len(vectors))[:SAMPLE]
    clock = time.perf_counter()
    search = ExactSearch(vectors, np.ones(len(vectors), dtype=bool))
    found = list(
        find_near_pairs(
            vectors, queries, min_cosine=config.min_cosine, max_neighbours=config.max_neighbours, search=search
        )
    )
    seconds = time.perf_counter() - clock
    hashes = frame["content_hash"]
    ends = [hashes.gather(np.concatenate([getattr(part, end) for part in found])) for end in ("query", "neighbour")]
    is_first = ends[0] < ends[1]
    pairs = pl.DataFrame(
        {"hash_a": ends[0].zip_with(is_first, ends[1]), "hash_b": ends[1].zip_with(is_first, ends[0])}
    ).unique()
    return pairs.height, pairs.join(known, on=["hash_a", "hash_b"]).height, seconds * 1000 / SAMPLE


def count_planted(folder: Path, prefix: str) -> tuple[int, int]:
    """Planted copies whose pair with the original is known, and those that are in one group with it."""
    query = (
        "select count(*) filter (exists (select 1 from similar_pairs as p where (p.hash_a = least(c.item_id, c.origin)"
        " and p.hash_b = greatest(c.item_id, c.origin)))), count(*) filter (a.group_id = b.group_id)"
        f" from (select item_id, item_id[{len(prefix) + 1}:] as origin from items where starts_with(item_id, '{prefix}')) as c"
        " left join item_groups as a on a.item_id = c.item_id left join item_groups as b on b.item_id = c.origin"
    )
    with open_warehouse(folder, read_only=True) as warehouse:
        known, grouped = warehouse.connection.sql(query).fetchall()[0]
    return int(known), int(grouped)


def make_catalog(config: SimilarConfig) -> Catalog:
    """The generated catalog; nobody reads its source here."""
    source = SourceConfig(format="csv", path="none.csv")
    return Catalog(name=CATALOG, user_space="readers", items=(source,), similar=config)


def run(folder: Path, *, n_items: int, exact_up_to: int) -> list[str]:
    """The nights and the measurements, as the lines of the page."""
    clock = time.perf_counter()
    fill(folder, n_users=0, n_items=n_items)
    n_planted = plant(folder, n_items=n_items, step=EVERY, offset=0, prefix="x")
    print(f"made in {time.perf_counter() - clock:.0f} s", flush=True)
    config = SimilarConfig(exact_up_to=exact_up_to)
    context = StepContext("n1", make_catalog(config), folder, DAY, memory_limit_mb=4096, threads=os.cpu_count() or 1)
    nights = [run_night("all is new", context)]
    truth, found, thousand_s = measure(folder, config)
    known, grouped = count_planted(folder, "x")
    n_new = plant(folder, n_items=n_items, step=round(1 / NEW_SHARE), offset=1, prefix="y")
    nights.append(run_night(f"1 % new ({n_new:,})", replace(context, run_id="n2")))
    new_known, new_grouped = count_planted(folder, "y")
    nights.append(run_night("nothing new", replace(context, run_id="n3")))
    total = n_items + n_planted
    return [
        f"{total:,} items, of which {n_planted:,} are planted copies; `exact_up_to` {exact_up_to:,}.\n",
        "| night | minutes | CPU minutes | of the first night | pairs known | peak memory |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.seconds / 60:.2f} | {one.cpu_seconds / 60:.2f} | {one.seconds / nights[0].seconds:.1%}"
            f" | {one.n_pairs:,} | {one.peak_mb / 1024:.2f} GiB |"
            for one in nights
        ),
        "",
        f"- Recall: of {truth:,} near pairs that exact search finds for {SAMPLE:,} items, {found:,} are known:"
        f" **{found / max(truth, 1):.4f}**.",
        f"- Planted copies whose pair is known: {known:,} of {n_planted:,} ({known / n_planted:.4f}); in one group with the"
        f" original after verification: {grouped:,}. On the second night {new_known:,} of {n_new:,}, {new_grouped:,}.",
        f"- Exact search takes {thousand_s:.1f} s a thousand items here: all pairs would take"
        f" {thousand_s * total / 1000 / 3600:.1f} hours.",
        *(f"- {one.name}: {'; '.join(one.notes)}" for one in nights),
    ]


METHOD = """\
The method: all pairs of a million items are 5 * 10^11 products of 384 numbers. While new items x all items is at most
`similar.exact_up_to` squared (100,000 by default), search is exact. Above, only the cells (faiss's k-means) around each item
are looked into; how many is tuned on a sample of the items themselves until it finds .97 of their nearest, what is found is
scored again with the full vectors, and the recall of near pairs is measured on other items and told in the stage's notes.
Byte-identical items share a content and need no search. Pairs land in blocks of 8,192 items, each committed with the record
that these were looked up. A later night searches for new and changed contents alone, among all.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true", help="50,000 items, by the index all the same")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/near_duplicates_million.md"))
    given = parser.parse_args(arguments)
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        n_items, exact_up_to = (50_000, 5_000) if given.small else (given.items, SimilarConfig().exact_up_to)
        lines = run(Path(folder) / "warehouse", n_items=n_items, exact_up_to=exact_up_to)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    page = [
        "# Near-duplicates of a million items\n",
        f"`python -m benchmarks.near_duplicates_million{' --small' if given.small else f' --items {n_items}'}`,"
        f" {(time.perf_counter() - clock) / 60:.0f} minutes. Python {platform.python_version()}, {os.cpu_count()} CPUs,"
        f" {packages}.\n",
        METHOD,
        *lines,
    ]
    given.output.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
