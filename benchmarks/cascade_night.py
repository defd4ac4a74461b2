"""The cascade through the real stages: BBC news is ingested, embedded and labeled as a night does it, the strong model simulated.

    python -m benchmarks.cascade_night --data ../shared/data [--seeds 3] [--output benchmarks/results/cascade_night.md]

Unlike cascade_bbc, which draws many seeds with the pure functions, this is what an operator gets: work lists, landing,
audit coins, combined_labels. The strong model is gold with 6.8 % of even errors (GPT-4o-mini labels BBC 93.2 % right);
cheap is the embedded labeler, or a simulated model with 10 % of errors. A second night must ask nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.labelers_bbc import CATALOG
from tasks.contracts.catalog import Catalog
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.embed import embed
from tasks.ingest import ingest
from tasks.labelers.protocol import ItemText, Reply, ScoredTopic, Task, TopicAnswer, Usage
from tasks.labeling import build
from tasks.runs import start_run
from tasks.topics import topics
from warehouse.connection import open_warehouse

PACKAGES = ("sentence-transformers", "scikit-learn", "duckdb", "numpy")
USAGE = Usage(requests=1, tokens_in=500, tokens_out=30, cost_usd=0.0001)


class Simulated:
    """A model that knows gold, and errs in a share of the answers, evenly over the other topics and always in the same way."""

    def __init__(self, name: str, gold: dict[str, str], names: list[str], *, error: float, seed: int) -> None:
        self.name, self.gold, self.names, self.error, self.seed = f"simulated:{name}", gold, names, error, seed

    def fingerprint(self, task: Task) -> str:
        """Of name and seed."""
        return hashlib.sha256(f"{self.name}|{self.seed}|{task}".encode()).hexdigest()[:16]

    def label_topics(self, items: Iterable[ItemText]) -> Iterator[Reply[TopicAnswer]]:
        """One topic an item."""
        for item in items:
            digest = hashlib.sha256(f"{self.name}|{self.seed}|{item.key}".encode()).digest()
            place = self.names.index(self.gold[item.key])
            if int.from_bytes(digest[:4], "big") / 2**32 < self.error:
                place = (place + 1 + digest[5] % (len(self.names) - 1)) % len(self.names)
            yield Reply(item.key, TopicAnswer((ScoredTopic(self.names[place], 0.9),), "simulated"), usage=USAGE)


def run_night(folder: Path, catalog: Catalog, run_id: str, *, strong_error: float, seed: int) -> StepReport:
    """The stage topics, with the simulated models in the place of endpoints."""
    with open_warehouse(folder) as warehouse:
        gold = dict(warehouse.connection.sql("select content_hash, min(category) from items group by all").fetchall())
    names = [topic.name for topic in catalog.taxonomy]
    simulated = {
        "openai:strong": Simulated("strong", gold, names, error=strong_error, seed=seed),
        "openai:cheap": Simulated("cheap", gold, names, error=0.10, seed=seed),
    }
    real = build.make_labeler

    def make(task: Task, context: StepContext, warehouse: Any, *, wanted: str | None = None, **more: Any) -> Any:
        chosen = wanted or context.catalog.labelers.panel(task)[0]
        return simulated.get(chosen) or real(task, context, warehouse, wanted=wanted, **more)

    build.make_labeler = make
    try:
        start_run(folder, run_id, as_of=date(2026, 11, 1), catalogs=[catalog.name], code_version="benchmark")
        return topics.fn(StepContext(run_id, catalog, folder, date(2026, 11, 1)))
    finally:
        build.make_labeler = real


def measure(folder: Path) -> tuple[float, dict[str, tuple[int, int]]]:
    """The share of articles whose label is their section, and by source how many labels there are and how many are right."""
    with open_warehouse(folder) as warehouse:
        right = warehouse.connection.sql(
            "select avg((labels.primary_topic is not distinct from items.category)::int) from current_topic_labels as labels"
            " join items using (catalog, item_id)"
        ).fetchall()[0][0]
        rows = warehouse.connection.sql(
            "select source, count(*), sum((answer is not distinct from category)::int) from combined_labels"
            " join items on items.content_hash = question_key group by source order by source"
        ).fetchall()
    return right, {source: (n, int(n_right)) for source, n, n_right in rows}


def main() -> None:
    """Run all nights, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=None)
    chosen = parser.parse_args()
    plain = load_catalog(CATALOG, {"data": str(chosen.data.resolve())})
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    text = (
        "# The cascade through the stage `topics`, BBC news\n\nMade by `python -m benchmarks.cascade_night --data ../shared/data"
        f" --seeds {chosen.seeds}`. {os.cpu_count()} cores, Python {platform.python_version()}, {packages}.\n\n"
        "| cheap labeler | strong_share | seed | labels right | asked of strong | of cheap | by source: labels, right |"
        " second night |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        start = Path(name) / "start"
        start.mkdir()
        start_run(start, "first", as_of=date(2026, 11, 1), catalogs=[plain.name], code_version="benchmark")
        for step in (ingest, embed):
            step.fn(StepContext("first", plain, start, date(2026, 11, 1)))
        for cheap in ("embedded", "openai:cheap"):
            for share in (0.05, 0.1):
                for seed in range(chosen.seeds):
                    folder = Path(name) / "night"
                    shutil.copytree(start, folder)
                    line, said = _run_once(folder, plain, cheap=cheap, share=share, seed=seed)
                    text += line
                    print(line, flush=True)
                    notes += [f"\n{cheap}, {share:.0%}, seed {seed}: {'; '.join(said)}.\n"] if seed == 0 else []
                    shutil.rmtree(folder)
    text += "\n## What the stage said, first seeds\n" + "".join(notes)
    if chosen.output:
        chosen.output.write_text(text, encoding="utf-8")


def _run_once(folder: Path, plain: Catalog, *, cheap: str, share: float, seed: int) -> tuple[str, tuple[str, ...]]:
    cascade = plain.cascade.model_copy(update={"strong": "openai:strong", "strong_share": share, "seed": seed})
    labelers = plain.labelers.model_copy(update={"topics": cheap})
    catalog = plain.model_copy(update={"cascade": cascade, "labelers": labelers})
    clock = time.monotonic()
    report = run_night(folder, catalog, "night-1", strong_error=0.068, seed=seed)
    seconds = time.monotonic() - clock
    right, by_source = measure(folder)
    with open_warehouse(folder) as warehouse:
        asked = dict(warehouse.connection.sql("select labeler, count(*) from topic_labels group by all").fetchall())
        n = warehouse.connection.sql("select count(distinct content_hash) from items").fetchall()[0][0]
    clock = time.monotonic()
    again = run_night(folder, catalog, "night-2", strong_error=0.068, seed=seed)
    second = time.monotonic() - clock
    sources = ", ".join(f"{source} {of}, {good / of:.1%}" for source, (of, good) in by_source.items())
    strong, cheap_n = asked.get("simulated:strong", 0), asked.get("simulated:cheap", 0)
    told = f"{again.rows_in} asked, {second:.1f} s after {seconds:.1f} s"
    who = f"| {cheap} | {share:.0%} | {seed} | **{right:.2%}** | {strong} of {n} ({strong / n:.1%}) | {cheap_n} "
    return f"{who}| {sources} | {told} |\n", report.notes


if __name__ == "__main__":
    main()
