"""What gold may change in the default rule for ordinal answers: the labelers' weights, and where the score is cut.

The default's score c is a weighted mean of grades g_j. Gold adds deviations, s = c + sum_j w_j (g_j - c), with the w_j
found by ridge regression of the human grade on c (free) and on the deviations (shrunk to 0, so the default is where
the shrinkage leads); its strength is the one with the least squared error on groups left out. The cuts are the
default's, or those that give gold's own distribution of grades. That makes four variants; choose_variant keeps the
default unless another is better by more than a standard error on groups that it did not see. With a few hundred gold
answers from a few groups it mostly stays (benchmarks/judge_panel.py), and gold changes only the confidence, which is
the probability of the answer given the score, fitted on gold (see ordinal_odds), and the expected grade likewise.
O(rows) and, a group of gold, O(groups * n_gold * labelers^2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.agreement.consensus import Combined, cumulative_share, cut_to, grade_by, sum_votes
from tasks.agreement.gold_rows import Gold, choose_variant
from tasks.agreement.measures import tabulate, weighted_kappa
from tasks.agreement.ordinal_odds import fit_ordinal_odds
from tasks.agreement.panel import FloatVector, IntVector, Panel

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
MIN_SLOPE = 0.2
VARIANTS = ("default", "gold_cuts", "gold_weights", "gold_weights_and_cuts")


def combine_learned(panel: Panel, gold: Gold, default: Combined, labeler_weights: FloatVector) -> tuple[Combined, str]:
    """The learned combination of a panel without abstentions, and which of VARIANTS it is.

    default: what the default rule says of the panel; labeler_weights: (labelers,) the weights it used. gold must pass
    explain_too_little. The gold answer of a question is never handed through as its answer.
    """
    rule = _Rule(panel, default, labeler_weights)
    variant = choose_variant(gold, VARIANTS, rule.answer_all, measure_weighted_kappa)
    answer, score = rule.answer_all(gold)[variant], default.score
    if variant.startswith("gold_weights"):
        score = rule.score(rule.fit_weights(gold))
    known = ~np.isnan(score)
    odds = fit_ordinal_odds(score[gold.question], gold.answer, len(panel.classes))
    probabilities = odds.predict(np.where(known, score, 0.0))
    confidence = np.take_along_axis(probabilities, answer[:, None], axis=1)[:, 0]
    expected = np.where(known, probabilities @ np.arange(len(panel.classes)), np.nan)
    return Combined(answer, np.clip(confidence, 0.0, 1.0), expected), variant


def measure_weighted_kappa(gold: IntVector, answers: IntVector) -> float:
    """Quadratic kappa of two vectors of grades; NaN where undefined."""
    size = int(max(gold.max(), answers.max())) + 1
    return float(weighted_kappa(tabulate(gold, answers, size)))


class _Rule:
    """The four variants on one panel; what does not depend on gold is computed once."""

    def __init__(self, panel: Panel, default: Combined, labeler_weights: FloatVector) -> None:
        self.panel = panel
        self.default = default
        votes = sum_votes(panel, panel.weight * labeler_weights[panel.labeler])
        self.shares = cumulative_share(votes.sum(axis=0))
        self.known = ~np.isnan(default.score)

    def answer_all(self, gold: Gold) -> dict[str, IntVector]:
        """The answers of each variant to all questions, fitted to this gold."""
        size = len(self.panel.classes)
        gold_shares = cumulative_share(np.bincount(gold.answer, minlength=size).astype(np.float64))
        own = self.default.score
        shifted = self.score(self.fit_weights(gold))
        return {
            "default": self.default.answer,
            "gold_cuts": self._grade(own, cut_to(own[gold.question], gold_shares, within_grades=False)),
            "gold_weights": self._grade(shifted, cut_to(shifted[self.known], self.shares, within_grades=True)),
            "gold_weights_and_cuts": self._grade(
                shifted, cut_to(shifted[gold.question], gold_shares, within_grades=False)
            ),
        }

    def score(self, weights: FloatVector) -> FloatVector:
        """(n_questions,) the default's score plus weighted deviations; unanimous answers keep their grade."""
        panel = self.panel
        deviations = weights[panel.labeler] * (panel.answer - self.default.score[panel.question])
        return np.where(self.known, self.default.score + panel.sum_by_question(deviations), np.nan)

    def fit_weights(self, gold: Gold) -> FloatVector:
        """(labelers,) weights of the deviations, in units of the default score's own slope."""
        score, human = self.default.score[gold.question], gold.answer.astype(np.float64)
        deviations = self._deviations(gold)
        groups = np.unique(gold.group)
        errors = np.zeros(len(PENALTIES))
        for group in groups if len(groups) > 1 else []:
            out = gold.group == group
            for place, penalty in enumerate(PENALTIES):
                fitted = _fit_ridge(score[~out], deviations[~out], human[~out], penalty)
                predicted = fitted[0] + fitted[1] * score[out] + deviations[out] @ fitted[2:]
                errors[place] += np.mean((predicted - human[out]) ** 2)
        penalty = PENALTIES[int(errors.argmin())] if len(groups) > 1 else PENALTIES[-1]
        fitted = _fit_ridge(score, deviations, human, penalty)
        weights: FloatVector = fitted[2:] / max(float(fitted[1]), MIN_SLOPE)
        return weights

    def _deviations(self, gold: Gold) -> NDArray[np.float64]:
        """(n_gold, labelers) grade less the default's score; 0 where a labeler gave none."""
        panel = self.panel
        place = np.full(panel.n_questions, -1, dtype=np.int64)
        place[gold.question] = np.arange(len(gold.question))
        used = place[panel.question] >= 0
        matrix = np.zeros((len(gold.question), len(panel.labelers)))
        question = panel.question[used]
        matrix[place[question], panel.labeler[used]] = panel.answer[used] - self.default.score[question]
        return matrix

    def _grade(self, score: FloatVector, cuts: FloatVector) -> IntVector:
        return np.where(self.known, grade_by(np.where(self.known, score, 0.0), cuts), 0)


def _fit_ridge(score: FloatVector, deviations: NDArray[np.float64], human: FloatVector, penalty: float) -> FloatVector:
    """Coefficients of 1, the score and the deviations; only the last are penalised."""
    design = np.column_stack([np.ones(len(score)), score, deviations])
    strengths = np.concatenate([[1e-6, 1e-3], np.full(deviations.shape[1], penalty)])
    fitted: FloatVector = np.linalg.solve(design.T @ design + np.diag(strengths), design.T @ human)
    return fitted
