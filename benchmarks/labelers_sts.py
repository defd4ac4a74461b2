"""Where the near-duplicate labeler's numbers come from, and how they hold on sentence pairs that they were not fitted to.

    python -m benchmarks.labelers_sts --data ../shared/data [--output benchmarks/results/labelers_sts.md]

Fits the logistic regression of `tasks/labelers/similar_embedded.py` to the STS benchmark's training pairs (people's score
of at least 4 of 5) and measures it on the development pairs.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.labelers_bbc import PACKAGES, calibration_error
from tasks.embedding.protocol import Embedder
from tasks.embedding.sentence import load_embedder
from tasks.labelers import similar_embedded as shipped

SAME = 4.0
"""People's scores: 4 is "mostly equivalent, some unimportant details differ", 5 "completely equivalent"."""


@dataclass(frozen=True)
class Pairs:
    """Features, shape (n, 3): cosine, overlap, unshared numbers; scores 0-5, shape (n,)."""

    features: NDArray[np.float64]
    scores: NDArray[np.float64]


def read_pairs(path: Path, embedder: Embedder) -> Pairs:
    """One part of the benchmark; tab separated whatever its name says, quotes mean nothing."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        cells = [line.rstrip("\n").split("\t") for line in file]
    first, second = [row[5] for row in cells], [row[6] for row in cells]
    cosines = np.einsum("nd,nd->n", embedder.encode(first), embedder.encode(second))
    features = []
    for cosine, a, b in zip(cosines, first, second, strict=True):
        evidence = shipped.compare_texts(a, b)
        features.append((cosine, evidence.overlap, evidence.unshared_numbers))
    return Pairs(np.array(features, dtype=np.float64), np.array([float(row[4]) for row in cells]))


def predict(pairs: Pairs) -> NDArray[np.float64]:
    """The shipped probabilities, from the shipped numbers."""
    weights = np.array([shipped.COSINE_WEIGHT, shipped.OVERLAP_WEIGHT, shipped.NUMBERS_WEIGHT])
    return np.asarray(1 / (1 + np.exp(-(shipped.INTERCEPT + pairs.features @ weights))))


def main() -> None:
    """Fit, measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/labelers_sts.md"))
    options = parser.parse_args()
    embedder = load_embedder()
    train = read_pairs(options.data / "sts-train.csv.gz", embedder)
    dev = read_pairs(options.data / "sts-dev.csv.gz", embedder)
    # C = 1e6: no regularisation to speak of; three features and thousands of pairs need none.
    fitted = LogisticRegression(C=1e6, max_iter=5000).fit(train.features, train.scores >= SAME)
    numbers = [fitted.intercept_[0], *fitted.coef_[0]]
    given = [shipped.INTERCEPT, shipped.COSINE_WEIGHT, shipped.OVERLAP_WEIGHT, shipped.NUMBERS_WEIGHT]
    probability, is_same = predict(dev), dev.scores >= SAME
    lines = [
        "# Near-duplicates: the STS benchmark\n",
        "Made by `python -m benchmarks.labelers_sts`. "
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        + ", ".join(f"{package} {version(package)}" for package in (*PACKAGES, "scikit-learn"))
        + ".\n",
        "| | intercept | cosine | overlap | unshared numbers |\n|---|---|---|---|---|",
        f"| fitted here to {len(train.scores):,} training pairs | " + " | ".join(f"{x:.3f}" for x in numbers) + " |",
        "| shipped | " + " | ".join(f"{x:.3f}" for x in given) + " |\n",
        f"On {len(dev.scores):,} development pairs:\n",
        "| | cosine alone | shipped probability |\n|---|---|---|",
        f"| Spearman with people's scores | {spearmanr(dev.features[:, 0], dev.scores).statistic:.3f} "
        f"| {spearmanr(probability, dev.scores).statistic:.3f} |",
        f"| AUC for a score of at least {SAME:.0f} | {roc_auc_score(is_same, dev.features[:, 0]):.3f} "
        f"| {roc_auc_score(is_same, probability):.3f} |",
        f"| expected calibration error, 10 bins | | {calibration_error(list(probability), list(is_same)):.3f} |",
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
