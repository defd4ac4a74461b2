"""Two searches and their fusions as score matrices, and the choice of a fusion's weight on one half of the queries. Pure.

The fusions: weighted reciprocal ranks (Cormack, Clarke and Buettcher, SIGIR 2009) and weighted sums of z-scores. Dense
weighs 1, BM25 one of WEIGHTS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.experiments.title_queries import Scores, reciprocal_ranks, standardise

WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
RANK_FUSION, Z_SCORES = "rank fusion", "z-scores"
FUSIONS = (RANK_FUSION, Z_SCORES)
SINGLE = ("BM25", "dense")
RRF_K, RRF_DEPTH = 60, 100
EQUAL = 1.0

Values = NDArray[Any]


@dataclass(frozen=True)
class System:
    """A search, or a fusion in which BM25 has this weight."""

    method: str
    weight: float | None = None


def fuse(scores: Mapping[str, Scores], excluded: NDArray[np.bool_]) -> Iterator[tuple[System, Scores]]:
    """Each system's scores (b, n), excluded pairs -inf. scores: those of SINGLE, NaN where unscored."""
    masked = {name: np.where(excluded | np.isnan(scores[name]), -np.inf, scores[name]) for name in SINGLE}
    for name in SINGLE:
        yield System(name), masked[name]
    parts = {
        RANK_FUSION: {name: reciprocal_ranks(masked[name], k=RRF_K, depth=RRF_DEPTH) for name in SINGLE},
        Z_SCORES: {name: standardise(masked[name]) for name in SINGLE},
    }
    for method, of in parts.items():
        for weight in WEIGHTS:
            yield System(method, weight), np.where(excluded, -np.inf, of["dense"] + weight * of["BM25"])


@dataclass(frozen=True)
class Chosen:
    """A fusion's weight for the queries of half 0 and 1, each chosen on the other half."""

    method: str
    weights: tuple[float, float]

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.method}, chosen weight"


def choose_weights(criterion: Mapping[System, NDArray[np.float64]], half: NDArray[np.int64]) -> list[Chosen]:
    """For each fusion the weight whose mean criterion (q,) is highest on the other half; of equals the smallest."""
    return [
        Chosen(method, (_best(criterion, method, half == 1), _best(criterion, method, half == 0))) for method in FUSIONS
    ]


def named_values(values: Mapping[System, Values], chosen: list[Chosen], half: NDArray[np.int64]) -> dict[str, Values]:
    """Values (q, ...) by the tables' names: the searches, fusions of equal weights, fusions of chosen weights."""
    named = {name: values[System(name)] for name in SINGLE}
    named |= {f"{method}, equal weights": values[System(method, EQUAL)] for method in FUSIONS}
    for one in chosen:
        first, second = (values[System(one.method, weight)] for weight in one.weights)
        is_first = (half == 0).reshape(-1, *[1] * (first.ndim - 1))
        named[one.name] = np.where(is_first, first, second)
    return named


def _best(criterion: Mapping[System, NDArray[np.float64]], method: str, part: NDArray[np.bool_]) -> float:
    if not part.any():
        return EQUAL
    return max(WEIGHTS, key=lambda weight: (criterion[System(method, weight)][part].mean(), -weight))
