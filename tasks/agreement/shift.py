"""How far a distribution of answers has moved. Pure; time and memory O(answers).

stability index   sum of (p - q) ln(p / q), the population stability index of credit scoring (Siddiqi 2006); from 0.1 on
                  worth a look, from 0.25 on a shift
Jensen-Shannon    the square root of the divergence to base 2 (Lin 1991; Endres & Schindelin 2003), in [0, 1]
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.contracts.errors import StepError

PSEUDO_COUNT = 0.5
"""Added to every count, so that an answer that is new or gone has a share to be compared with."""


def stability_index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """The population stability index of two counts of answers, 0 or more. Raises StepError for counts without an answer."""
    p, q = _shares(before, after)
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon_distance(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """The Jensen-Shannon distance of two counts of answers, in [0, 1]. Raises StepError for counts without an answer."""
    p, q = _shares(before, after)
    middle = (p + q) / 2
    divergence = (p * np.log2(p / middle)).sum() / 2 + (q * np.log2(q / middle)).sum() / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _shares(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    answers = sorted({*before, *after})
    for counts, name in ((before, "before"), (after, "after")):
        if sum(counts.values()) <= 0 or min(counts.values()) < 0:
            raise StepError(f"counts {name} are {dict(counts)}; give counts of 0 or more with one answer at least")
    p, q = (
        np.array([counts.get(answer, 0) + PSEUDO_COUNT for answer in answers], dtype=np.float64)
        for counts in (before, after)
    )
    return p / p.sum(), q / q.sum()
