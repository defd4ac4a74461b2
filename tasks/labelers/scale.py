"""What a cosine means to an embedder: measured once on reference texts, so that no threshold is tied to one model. Pure.

A strength of 0 is a cosine that unrelated texts reach, 1 the cosine that a text has with what it is about. The scale starts
where one unrelated text in twenty would: the largest of m unrelated cosines, taken as normal, stays below it with 95 %.
So a profile of twenty interests does not look more interested than one of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.embedding.protocol import Embedder, Matrix
from tasks.labelers.reference_texts import REFERENCES

UNRELATED_BELOW = 0.95
"""The share of unrelated texts that get strength 0."""


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of cosines."""

    mean: float
    deviation: float

    def bound_largest(self, n: int, *, probability: float) -> float:
        """What the largest of n such cosines stays below with `probability`: mean + deviation · Φ⁻¹(probability^(1/n))."""
        return self.mean + self.deviation * NormalDist().inv_cdf(probability ** (1 / n))


@dataclass(frozen=True, eq=False)
class Scale:
    """Cosines of an embedder: interests with texts, texts with texts, interests with interests; texts: shape (48, d)."""

    unrelated_interest: Spread
    related_interest: Spread
    unrelated_text: Spread
    related_text: Spread
    unrelated_phrase: Spread
    texts: Matrix

    def interest_strength(self, cosines: NDArray[np.floating], *, n_interests: int) -> NDArray[np.float64]:
        """Strength in [0, 1] of an interest's cosine with a text, one of n_interests that are looked at."""
        low = self.unrelated_interest.bound_largest(n_interests, probability=UNRELATED_BELOW)
        return _ramp(cosines, low, self.related_interest.mean)

    def text_strength(self, cosines: NDArray[np.floating], *, n_texts: int) -> NDArray[np.float64]:
        """Strength in [0, 1] of the largest cosine of a text with n_texts others, any number of them related to it."""
        low = self.unrelated_text.bound_largest(n_texts, probability=UNRELATED_BELOW)
        return _ramp(cosines, low, self.related_text.bound_largest(n_texts, probability=0.5))


def measure_scale(embedder: Embedder) -> Scale:
    """Embed the reference texts (72 short ones) and measure."""
    interests, first, second = (embedder.encode(list(column)) for column in zip(*REFERENCES, strict=True))
    others = ~np.eye(len(REFERENCES), dtype=bool)
    both = np.stack([interests @ first.T, interests @ second.T])
    texts = first @ second.T
    return Scale(
        unrelated_interest=_describe(both[:, others]),
        related_interest=_describe(np.diagonal(both, axis1=1, axis2=2)),
        unrelated_text=_describe(texts[others]),
        related_text=_describe(np.diagonal(texts)),
        unrelated_phrase=_describe((interests @ interests.T)[others]),
        texts=np.concatenate([first, second]),
    )


def _describe(cosines: NDArray[np.floating]) -> Spread:
    return Spread(float(np.mean(cosines)), float(np.std(cosines)))


def _ramp(cosines: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    # A poor embedder may not tell related from unrelated; then only cosines above both count, and fully.
    return np.asarray(np.clip((cosines - low) / max(high - low, 1e-6), 0.0, 1.0), dtype=np.float64)
