"""What one column that the ranker sees is called, means and comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column.

    source: where it comes from. known: when its value is known: "always", or what it needs (else NaN).
    direction: 1: a higher value never lowers the ranker's score, -1: never raises it, 0: free. Stated where anything
    else would be an accident of the sample, so that few users are enough to learn from.
    """

    name: str
    meaning: str
    source: str
    known: str
    direction: int = 0


def names_of(features: Iterable[Feature]) -> list[str]:
    """Their names, in order."""
    return [feature.name for feature in features]
