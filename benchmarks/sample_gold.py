"""How good are the labels of the sample? Topics, near-duplicates and relevance against gold that people gave by reading.

    python -m benchmarks.sample_gold [--output benchmarks/results/sample_gold.md]

Runs the free stages on examples/sample in a temporary warehouse with the embedded labeler, asks the judge about the 300
gold pairs, and writes what it saw. No threshold was chosen on these labels; but the judge's phrases for "avoids" were
extended after its first disagreements had been read (quadratic kappa before that: .479). A minute or two on two cores.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import polars as pl
from sklearn.metrics import cohen_kappa_score

from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.embed import embed
from tasks.ingest import ingest
from tasks.labeling import make_labeler
from tasks.loading.judging import make_questions
from tasks.runs import start_run
from tasks.similar import similar
from tasks.topics import topics
from warehouse.connection import open_warehouse

SAMPLE = Path(__file__).parent.parent / "examples/sample"


def read_gold(name: str) -> list[dict[str, str]]:
    """The rows of a gold file."""
    with (SAMPLE / "gold" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run_stages(folder: Path) -> list[StepContext]:
    """Ingest, embed, label topics and group near-duplicates of both catalogs; their contexts."""
    contexts = []
    for name in ("news", "books"):
        file = SAMPLE / f"{name}.toml"
        contexts.append(StepContext("gold", load_catalog(file), folder, date(2026, 11, 1), catalog_file=str(file)))
    start_run(folder, "gold", as_of=date(2026, 11, 1), catalogs=["news", "books"], code_version="benchmark")
    for step in (ingest, embed, topics, similar):
        for context in contexts:
            step.fn(context)
    return contexts


def measure_topics(folder: Path) -> Iterator[str]:
    """Accuracy of the primary topic, and how often it is the first or second gold topic."""
    gold = {row["item_id"]: row for name in ("news", "books") for row in read_gold(f"{name}_topics.csv")}
    with open_warehouse(folder) as warehouse:
        rows = warehouse.connection.sql("select catalog, item_id, primary_topic from current_topic_labels").fetchall()
    for catalog in ("news", "books"):
        labels = [(gold[item], topic) for of, item, topic in rows if of == catalog]
        first = sum(row["topic"] == topic for row, topic in labels)
        either = sum(topic in (row["topic"], row["second_topic"]) for row, topic in labels)
        yield f"| topics of {catalog} ({len(labels)} items): primary is the gold topic | {first / len(labels):.1%} |"
        yield f"| the same: primary is the gold topic or the second gold topic | {either / len(labels):.1%} |"


def measure_groups(folder: Path) -> Iterator[str]:
    """Precision and recall of near-duplicate pairs."""
    gold = {(row["item_a"], row["item_b"]) for row in read_gold("near_duplicates.csv")}
    query = """
        select a.item_id, b.item_id from item_groups a join item_groups b using (catalog, group_id) where a.item_id < b.item_id
    """
    with open_warehouse(folder) as warehouse:
        found = {(a, b) for a, b in warehouse.connection.sql(query).fetchall()}
    hits = len(gold & found)
    yield f"| near-duplicate pairs: precision | {hits}/{len(found)} |"
    yield f"| near-duplicate pairs: recall | {hits}/{len(gold)} |"


def measure_judge(contexts: list[StepContext]) -> Iterator[str]:
    """Quadratic kappa and the confusion of grades on the gold pairs."""
    gold = {(row["user_id"], row["item_id"]): int(row["grade"]) for row in read_gold("relevance.csv")}
    given: list[tuple[int, int]] = []
    for context in contexts:
        with open_warehouse(context.folder) as warehouse:
            query = "select user_id, item_id, profile_hash, content_hash from users cross join items where catalog = $c"
            known = pl.DataFrame(
                pl.from_arrow(warehouse.connection.sql(query, params={"c": context.catalog.name}).to_arrow_table())
            )
            wanted = pl.DataFrame(
                [{"user_id": user, "item_id": item, "grade": grade} for (user, item), grade in gold.items()]
            )
            pairs = wanted.join(known, on=["user_id", "item_id"])
            labeler = make_labeler("judge", context, warehouse)
            grades = {
                f"{row['profile_hash']}|{row['content_hash']}": row["grade"] for row in pairs.iter_rows(named=True)
            }
            for reply in labeler.judge(make_questions(warehouse, context, pairs)):
                if reply.answer is not None:
                    given.append((grades[reply.key], reply.answer.relevance))
    kappa = cohen_kappa_score([g for g, _ in given], [j for _, j in given], weights="quadratic")
    yield f"| judge against gold ({len(given)} pairs): quadratic kappa | {kappa:.3f} |"
    counts = Counter(given)
    yield "\n| gold \\ judge | 0 | 1 | 2 | 3 |\n|---|---|---|---|---|"
    for grade in range(4):
        yield f"| {grade} | " + " | ".join(str(counts[grade, judged]) for judged in range(4)) + " |"


def main() -> None:
    """Run, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/sample_gold.md"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        contexts = run_stages(Path(name))
        lines = [*measure_topics(Path(name)), *measure_groups(Path(name)), *measure_judge(contexts)]
    packages = ", ".join(f"{package} {version(package)}" for package in ("sentence-transformers", "torch", "numpy"))
    head = (
        "# The sample's labels against gold\n\n`python -m benchmarks.sample_gold`, embedded labeler. No threshold was chosen"
        ' on these labels;\nthe judge\'s phrases for "avoids" were extended after its first disagreements were read (kappa'
        f" before: .479).\nPython {platform.python_version()}, {os.cpu_count()} cores, {packages}.\n\n"
        "| what | seen |\n|---|---|\n"
    )
    page = head + "\n".join(lines) + "\n"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
