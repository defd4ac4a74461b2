"""One answer a question from votes or grades, without any model of the labelers.

    majority       the class with the greatest weight of votes
    mean           the weighted mean of grades, cut to grades
    weighted mean  the same, each labeler weighted by the log-odds of a skill found without gold

Rounding a mean loses the ends of the scale: a grade 3 needs nearly all labelers to say 3. So the means are cut such
that the grades are as often given as the labelers themselves give them on average. For a score of fixed correlation
with the truth, quadratic kappa (whose limit for many grades is the concordance correlation, Lin 1989) is greatest if
the spread is that of the truth, and the labelers' own distribution is the best guess of that without gold.
O(rows + questions * classes) time and memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.agreement.panel import FloatVector, IntVector, Panel

SAME = 1e-9
SKILL_LIMIT = 0.95
WEIGHT_FLOOR = 0.01


@dataclass(frozen=True)
class Combined:
    """One entry a question of the panel.

    answer: index into classes, ABSTAINED where nobody answered; confidence: in [0, 1]; score: the expected grade as a
    real number, NaN for nominal answers. confidence and score mean nothing where there is no answer.
    """

    answer: IntVector
    confidence: FloatVector
    score: FloatVector


def combine_majority(panel: Panel, *, is_ordinal: bool) -> Combined:
    """The class with the greatest sum of weights; confidence is its share of the weight.

    Ties, in this order: the greater summed confidence, if every answer to the question states one; for ordinal
    answers the grade nearest to the mean grade; the class that stands first in classes (so the lower grade).
    score is the mean grade.
    """
    votes = sum_votes(panel, panel.weight)
    best = votes >= votes.max(axis=1, keepdims=True) - SAME
    stated = np.where(np.isnan(panel.confidence), 0.0, panel.confidence)
    sums = sum_votes(panel, panel.weight * stated)
    is_stated = panel.sum_by_question(np.isnan(panel.confidence).astype(np.float64)) == 0
    best = _keep_best(best, np.where(is_stated[:, None], sums, 0.0))
    score = np.full(panel.n_questions, np.nan)
    if is_ordinal:
        score = mean_grades(panel, panel.weight)
        best = _keep_best(best, -np.abs(np.arange(len(panel.classes)) - np.nan_to_num(score)[:, None]))
    answer = best.argmax(axis=1).astype(np.int64)
    return Combined(answer, share_of(votes, answer), score)


def combine_mean(panel: Panel, labeler_weights: FloatVector | None = None) -> Combined:
    """The mean grade, each answer weighted by its weight times its labeler's, and cut to grades by cut_to.

    score is the mean in [0, K - 1]; confidence the weight's share that gave the very grade that comes out (0 where the
    mean falls on a grade that nobody gave).
    """
    weights = panel.weight if labeler_weights is None else panel.weight * labeler_weights[panel.labeler]
    score, votes = mean_grades(panel, weights), sum_votes(panel, weights)
    known = ~np.isnan(score)
    answer = np.zeros(panel.n_questions, dtype=np.int64)
    cuts = cut_to(score[known], cumulative_share(votes.sum(axis=0)), within_grades=True)
    answer[known] = grade_by(score[known], cuts)
    return Combined(answer, share_of(votes, answer), score)


def mean_grades(panel: Panel, weights: FloatVector) -> FloatVector:
    """(n_questions,) weighted mean grade, plain where all weights are 0, NaN where nobody answered."""
    total = panel.sum_by_question(weights)
    used = np.where(total[panel.question] > 0, weights, 1.0)
    with np.errstate(invalid="ignore"):
        means = panel.sum_by_question(used * panel.answer) / panel.sum_by_question(used)
    return np.round(means, 9)


def weigh_skills(skills: FloatVector, counts: IntVector, n_classes: int) -> FloatVector:
    """Weights of labelers: log((K - 1) s / (1 - s)), the best of independent voters (Nitzan and Paroush 1982).

    skills: the share s of right answers, in [0, 1]; counts: on how many answers each rests. s is first drawn to
    chance, (s n + 1) / (n + K), and kept below SKILL_LIMIT, so that nobody decides alone because the others follow;
    the weight is at least WEIGHT_FLOOR, so nobody counts as a liar.
    """
    drawn = np.minimum((skills * counts + 1.0) / (counts + n_classes), SKILL_LIMIT)
    return np.maximum(np.log((n_classes - 1) * drawn / (1.0 - drawn)), WEIGHT_FLOOR) if n_classes > 1 else drawn


def sum_votes(panel: Panel, weights: FloatVector) -> NDArray[np.float64]:
    """(n_questions, K) sum of weights for each class."""
    size = len(panel.classes)
    flat = np.bincount(panel.question * size + panel.answer, weights=weights, minlength=panel.n_questions * size)
    return flat.reshape(panel.n_questions, size).astype(np.float64)


def share_of(votes: NDArray[np.float64], answer: IntVector) -> FloatVector:
    """(n,) the answer's share of each row of (n, K) votes, in [0, 1]; 0 for a row without any weight."""
    chosen = np.take_along_axis(votes, answer[:, None], axis=1)[:, 0]
    shares: FloatVector = np.clip(chosen / np.maximum(votes.sum(axis=1), 1e-300), 0.0, 1.0)
    return shares


def cumulative_share(counts: FloatVector) -> FloatVector:
    """(K - 1,) share of the counts at or below each class but the last."""
    shares: FloatVector = np.cumsum(counts)[:-1] / max(float(counts.sum()), 1e-300)
    return shares


def cut_to(scores: FloatVector, shares: FloatVector, *, within_grades: bool) -> FloatVector:
    """(K - 1,) cuts such that the share of scores below cut k is as near as ties allow to shares[k].

    A cut lies halfway between two neighbouring scores. within_grades keeps cut k in (k, k + 1], so that questions on
    which all labelers agree keep that grade. Example: scores 0, 0.5, 2 and shares (1/3, 2/3) give cuts 0.25 and 1.25.
    """
    values, counts = np.unique(scores, return_counts=True)
    if not len(values):
        return np.arange(len(shares), dtype=np.float64) + 0.5
    edges = np.concatenate([[-np.inf], (values[:-1] + values[1:]) / 2.0, [np.inf]])
    below = np.concatenate([[0], np.cumsum(counts)])
    cuts: FloatVector = edges[np.abs(below - shares[:, None] * len(scores)).argmin(axis=1)]
    if within_grades:
        lower = np.arange(len(shares), dtype=np.float64)
        cuts = np.clip(cuts, lower + SAME, lower + 1.0)
    return cuts


def grade_by(scores: FloatVector, cuts: FloatVector) -> IntVector:
    """(n,) how many of the ascending cuts each score reaches."""
    return np.searchsorted(cuts, scores, side="right").astype(np.int64)


def _keep_best(allowed: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of the allowed classes of each row those with the greatest value."""
    masked = np.where(allowed, values, -np.inf)
    kept: NDArray[np.bool_] = masked >= masked.max(axis=1, keepdims=True) - SAME
    return kept
