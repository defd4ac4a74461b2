"""From strengths to grades 0-3: one scale for all users, fitted to the pairs that were also graded by themselves.

Strengths say which of a user's items are better, and not whether any is good: a list may hold nothing but zeros. So some
pairs of each user, the anchors, are graded one by one, and a proportional-odds model (McCullagh 1980) ties both:

    P(grade >= k | pair) = sigmoid(slope * (strength + level of the user) - cut k),  k = 1, 2, 3

Slope and cuts are the same for everybody, and the slope is positive, so that a better item of a user never gets the lower
grade. Levels are normal with a spread of their own, and are integrated out (Hedeker and Gibbons 1994): were they fitted
along, a few anchors a user would make the slope too steep and every grade too sure. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import norm

N_GRADES = 4
FIRST_CUTS = (-1.0, 1.0, 3.0)
CUT_SPREAD = 5.0
FIRST_SPREAD = 2.0
"""Priors: where the cuts start and how far they may lie from there, in logits; the spread of levels, in strengths."""

NODES = np.linspace(-4.0, 4.0, 33)
"""Where levels are looked at, in their standard deviations."""

_TINY = 1e-12


@dataclass(frozen=True)
class GradeScale:
    """slope > 0; cuts (3,) ascending; levels (33,) and how probable each of them is for each user, (users, 33)."""

    slope: float
    cuts: NDArray[np.float64]
    levels: NDArray[np.float64]
    chances: NDArray[np.float64]

    def probabilities(
        self, strengths: NDArray[np.float64], errors: NDArray[np.float64], users: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(n, 4): the probability of each grade, with the doubt about strength and level averaged in. O(33 n).

        A normal error of a strength flattens the sigmoid (MacKay 1992).
        """
        flattened = np.sqrt(1 + np.pi * np.square(self.slope * errors) / 8)
        at_least = np.zeros((len(strengths), N_GRADES + 1))
        at_least[:, 0] = 1.0
        for node, level in enumerate(self.levels):
            middle = self.slope * (strengths + level)
            shown = expit((middle[:, None] - self.cuts[None, :]) / flattened[:, None])
            at_least[:, 1:N_GRADES] += self.chances[users, node][:, None] * shown
        return np.asarray(at_least[:, :-1] - at_least[:, 1:])


def fit_scale(
    strengths: NDArray[np.float64], grades: NDArray[np.int64], users: NDArray[np.int64], n_users: int
) -> GradeScale:
    """The scale of the highest posterior from anchors: strengths (n,), grades (n,) 0-3, users (n,) below n_users.

    A user without an anchor has the levels of everybody. O(steps * 33 n).
    """
    start = np.concatenate([[0.0, FIRST_CUTS[0]], np.log(np.diff(FIRST_CUTS)), [np.log(FIRST_SPREAD)]])
    found = minimize(_loss, start, args=(strengths, grades, users, n_users), method="L-BFGS-B")
    slope, cuts, spread = _unpack(found.x)
    joint = _log_joint(found.x, strengths, grades, users, n_users)
    chances = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    return GradeScale(slope, cuts, spread * NODES, chances)


def grade_of(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The grade nearest to the expected one, (n,), and its probability, which is the confidence. O(n)."""
    expected = probabilities @ np.arange(N_GRADES)
    grades = np.floor(expected + 0.5).astype(np.int64)
    return grades, probabilities[np.arange(len(grades)), grades]


def choose_anchors(ranked: Sequence[str], graded: frozenset[str] | set[str], *, n_anchors: int) -> list[str]:
    """Which items of a user to grade by themselves: of `ranked`, best first, those at even distances, until n are graded.

    >>> choose_anchors(["a", "b", "c", "d", "e"], {"c"}, n_anchors=3)
    ['a', 'e']
    """
    wanted = min(n_anchors, len(ranked))
    missing = wanted - sum(key in graded for key in ranked)
    places = dict.fromkeys(np.linspace(0, len(ranked) - 1, wanted).round().astype(int).tolist())
    left = [ranked[place] for place in places if ranked[place] not in graded]
    return left[: max(0, missing)]


def _unpack(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], float]:
    cuts = parameters[1] + np.concatenate([[0.0], np.cumsum(np.exp(parameters[2:4]))])
    return float(np.exp(parameters[0])), cuts, float(np.exp(parameters[4]))


def _log_joint(
    parameters: NDArray[np.float64],
    strengths: NDArray[np.float64],
    grades: NDArray[np.int64],
    users: NDArray[np.int64],
    n_users: int,
) -> NDArray[np.float64]:
    """(users, nodes): the log-probability of a level and of the user's anchors with it."""
    slope, cuts, spread = _unpack(parameters)
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    middle = slope * (strengths[:, None] + spread * NODES[None, :])
    chance = expit(edges[grades + 1][:, None] - middle) - expit(edges[grades][:, None] - middle)
    weights = norm.logpdf(NODES)
    joint = np.tile(weights - logsumexp(weights), (n_users, 1))
    np.add.at(joint, users, np.log(np.maximum(chance, _TINY)))
    return joint


def _loss(
    parameters: NDArray[np.float64],
    strengths: NDArray[np.float64],
    grades: NDArray[np.int64],
    users: NDArray[np.int64],
    n_users: int,
) -> float:
    """The negative log posterior of slope, cuts and spread (both positive ones by their logarithms)."""
    _, cuts, _ = _unpack(parameters)
    away = (cuts - np.array(FIRST_CUTS)) / CUT_SPREAD
    prior = 0.5 * (away @ away + parameters[0] ** 2 + (parameters[4] - np.log(FIRST_SPREAD)) ** 2)
    return float(prior - logsumexp(_log_joint(parameters, strengths, grades, users, n_users), axis=1).sum())
