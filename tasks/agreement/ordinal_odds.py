"""The probability of each grade given one score: proportional odds (McCullagh 1980), P(y <= k) = logit^-1(t_k - b x).

A weak normal prior on the logarithms of the slope and of the gaps between thresholds keeps grades that gold never
gave possible. O(iterations * n * K).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from tasks.agreement.panel import FloatVector, IntVector

PRIOR = 0.1


@dataclass(frozen=True)
class OrdinalOdds:
    """thresholds: (K - 1,) ascending; slope: above 0, so a greater score never makes a greater grade less likely."""

    thresholds: FloatVector
    slope: float

    def predict(self, scores: FloatVector) -> NDArray[np.float64]:
        """(n, K) probabilities; rows sum to 1."""
        below = expit(self.thresholds - self.slope * scores[:, None])
        return np.diff(below, axis=1, prepend=0.0, append=1.0)


def fit_ordinal_odds(scores: FloatVector, grades: IntVector, n_grades: int) -> OrdinalOdds:
    """Fit by penalised maximum likelihood to (n,) scores and grades from 0 to n_grades - 1. Deterministic."""

    def unpack(values: FloatVector) -> OrdinalOdds:
        gaps = np.exp(np.clip(values[2:], -10.0, 10.0))
        thresholds = np.cumsum(np.concatenate([values[1:2], gaps]))
        return OrdinalOdds(thresholds, float(np.exp(np.clip(values[0], -10.0, 10.0))))

    def loss(values: FloatVector) -> float:
        chosen = unpack(values).predict(scores)[np.arange(len(grades)), grades]
        penalty = PRIOR * (values[0] ** 2 + np.sum(values[2:] ** 2))
        return float(-np.log(np.maximum(chosen, 1e-12)).sum() + penalty)

    start = np.concatenate([[0.0, float(np.mean(scores))], np.zeros(n_grades - 2)])
    return unpack(minimize(loss, start, method="L-BFGS-B").x)
