"""How fast are the BBC articles embedded, and what does the precision cost? Against SentenceTransformer.encode in one run.

    python -m benchmarks.embedding_speed --data ../shared/data [--small] [--output benchmarks/results/embedding_speed.md]

Reads bbc-news-summary.zip and sts-dev.csv.gz. Blocks of articles are embedded in turns by sentence-transformers (float32, batches
of 32) and by Nightjar as `auto` chooses here, so that whatever else the machine does disturbs both. Then the vectors are compared:
nearest neighbours, cosines, the STS benchmark, topics. About four minutes on two quiet cores; --small, 400 articles, one.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer

from benchmarks.labelers_bbc import CATALOG, PACKAGES, read_texts, topics_of
from tasks.contracts.catalog_file import load_catalog
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder
from tasks.embedding.protocol import Matrix
from tasks.embedding.sentence import SentenceEmbedder, load_embedder
from tasks.labelers.prototypes import fit_prototypes

BATCH, BLOCKS, SMALL, NEIGHBOURS = 32, 5, 400, 10
WANTED_SPEED, WANTED_OVERLAP, WANTED_SPEARMAN = 3.0, 0.95, 0.005

Encode = Callable[[Sequence[str]], Matrix]


@dataclass
class Side:
    """One way to embed: its vectors, block by block, and what they took."""

    encode: Encode
    vectors: list[Matrix] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, texts: Sequence[str]) -> None:
        """Embed a block."""
        wall, cpu = time.perf_counter(), _cpu_seconds()
        self.vectors.append(self.encode(texts))
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(_cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def reference_encoder() -> Encode:
    """sentence-transformers as its documentation shows it: float32, batches of 32."""
    model = SentenceTransformer(str(find_model_folder(PACKAGED_MODEL)), device="cpu", local_files_only=True)
    return lambda texts: np.asarray(
        model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    )


def take_turns(texts: Sequence[str], sides: Sequence[Side]) -> None:
    """Embed the texts in BLOCKS blocks, each by every side; who begins alternates."""
    for side in sides:
        side.encode(texts[: 2 * BATCH])
    bounds = np.linspace(0, len(texts), BLOCKS + 1).astype(int)
    for number, (start, stop) in enumerate(pairwise(bounds.tolist())):
        for side in sides if number % 2 == 0 else reversed(sides):
            side.run(texts[start:stop])
        print(f"{stop} of {len(texts)} articles", flush=True)


def share_same_neighbours(one: Matrix, other: Matrix, *, k: int = NEIGHBOURS) -> NDArray[np.float64]:
    """For each row, the share of its k nearest others that both sets of vectors, shape (n, d), agree on."""
    nearest = []
    for vectors in (one, other):
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -np.inf)
        nearest.append(np.argsort(-cosines, axis=1, kind="stable")[:, :k])
    return np.array([len(set(a) & set(b)) / k for a, b in zip(*map(np.ndarray.tolist, nearest), strict=True)])


def measure_sts(path: Path, encode: Encode) -> float:
    """Spearman's correlation of cosines and people's scores."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    one, other = encode([row[5] for row in rows]), encode([row[6] for row in rows])
    return float(spearmanr((one * other).sum(axis=1), [float(row[4]) for row in rows]).statistic)


def share_right(vectors: Matrix, gold: Sequence[str], embedder: SentenceEmbedder) -> float:
    """Accuracy of the nearest topic after the labeler's own fit of its centres."""
    fitted = fit_prototypes(vectors, topics_of(load_catalog(CATALOG)), embedder=embedder)
    nearest = (vectors @ fitted.centres.T).argmax(axis=1)
    return float(np.mean([fitted.names[topic] == name for topic, name in zip(nearest, gold, strict=True)]))


def write_page(data: Path, n_articles: int | None) -> str:
    """Everything, as Markdown."""
    texts, gold = read_texts(load_catalog(CATALOG, {"data": str(data.resolve())}))
    step = max(1, len(texts) // n_articles) if n_articles else 1
    texts, gold = texts[::step], gold[::step]
    embedder, exact = load_embedder(), load_embedder(precision="float32", device="cpu")
    theirs, ours = Side(reference_encoder()), Side(embedder.encode)
    take_turns(texts, (theirs, ours))
    fallback = Side(exact.encode)
    fallback.run(texts[: len(texts) // BLOCKS])
    expected, found = np.concatenate(theirs.vectors), np.concatenate(ours.vectors)
    same, cosines = share_same_neighbours(expected, found), (expected * found).sum(axis=1)
    sts = data / "sts-dev.csv.gz"
    spearman, ours_spearman = measure_sts(sts, theirs.encode), measure_sts(sts, ours.encode)
    faster, faster_cpu = sum(theirs.wall) / sum(ours.wall), sum(theirs.cpu) / sum(ours.cpu)
    each = [a / b for a, b in zip(theirs.wall, ours.wall, strict=True)]
    drift = abs(spearman - ours_spearman)
    verdicts = [
        ("speed", f"{faster:.2f} times", f"{WANTED_SPEED:g} times", faster >= WANTED_SPEED),
        ("top-10 neighbours shared", f"{same.mean():.4f}", f"{WANTED_OVERLAP:g}", same.mean() >= WANTED_OVERLAP),
        ("STS-B dev, Spearman, apart by", f"{drift:.5f}", f"at most {WANTED_SPEARMAN:g}", drift <= WANTED_SPEARMAN),
    ]
    n = len(texts)
    rows = [
        ("SentenceTransformer.encode, float32, batches of 32", theirs, n),
        (f"Nightjar: {embedder.compute}", ours, n),
        ("Nightjar: float32 on the CPU, where bfloat16 doesn't serve", fallback, len(fallback.vectors[0])),
    ]
    return "\n".join(
        [
            "# Embedding the BBC articles\n",
            f"Made by `python -m benchmarks.embedding_speed --data ../shared/data`{' (small)' if n_articles else ''}: {n:,} "
            f"articles, title and the first 2,000 characters. {os.cpu_count()} CPUs ({_processor()}), "
            f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
            + ", ".join(f"{package} {version(package)}" for package in PACKAGES)
            + ".\n",
            "| | articles | seconds | articles a second | CPU seconds | articles a CPU second |\n|---|---|---|---|---|---|",
            *(
                f"| {name} | {count:,} | {sum(side.wall):.1f} | {count / sum(side.wall):.1f} | {sum(side.cpu):.1f} | "
                f"{count / sum(side.cpu):.1f} |"
                for name, side, count in rows
            ),
            f"\nIn {len(each)} blocks, each embedded by both in turns, the ratio of the seconds was {min(each):.2f} to "
            f"{max(each):.2f}; over all **{faster:.2f}**, of CPU seconds {faster_cpu:.2f}.\n",
            "| | here | wanted | |\n|---|---|---|---|",
            *(
                f"| {what} | {here} | {wanted} | {'yes' if is_met else '**no**'} |"
                for what, here, wanted, is_met in verdicts
            ),
            "\n| against float32 | |\n|---|---|",
            f"| cosine of an article's two vectors, mean and lowest | {cosines.mean():.5f}, {cosines.min():.5f} |",
            f"| articles with the same ten neighbours, whatever their order | {np.mean(same == 1):.1%} |",
            f"| fewest of an article's ten neighbours shared | {round(same.min() * NEIGHBOURS)} |",
            f"| STS-B dev, Spearman: float32, here | {spearman:.5f}, {ours_spearman:.5f} |",
            f"| topics right by the labeler's centres: float32, here | {share_right(expected, gold, exact):.2%}, "
            f"{share_right(found, gold, embedder):.2%} |",
        ]
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/embedding_speed.md"))
    chosen = parser.parse_args()
    text = write_page(chosen.data, SMALL if chosen.small else None)
    print(text)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
