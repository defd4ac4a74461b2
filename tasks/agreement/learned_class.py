"""What gold may change in the default rule for nominal answers.

A multinomial logistic regression on the default's log probabilities and on the labelers' votes; the votes' columns are
scaled down, so that ridge shrinks them first and what is left is the default, recalibrated. choose_variant keeps the
default's answers unless a regression is right more often by over a standard error on groups that it did not see.
O(rows) and, a group of gold, a regression of n_gold rows and K (labelers + 1) columns; questions are predicted in
blocks of BLOCK_ROWS.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tasks.agreement.consensus import Combined
from tasks.agreement.gold_rows import Gold, choose_variant
from tasks.agreement.panel import IntVector, Panel

BLOCK_ROWS = 20_000
FLOOR = 1e-3
PENALTIES = {"stacked_strongly_shrunk": 0.03, "stacked": 0.3}
VARIANTS = ("default", *PENALTIES)
VOTE_SCALE = 0.5


def combine_learned_class(
    panel: Panel, gold: Gold, default: Combined, posteriors: NDArray[np.float64]
) -> tuple[Combined, str]:
    """The learned combination of a panel without abstentions, and which of VARIANTS it is.

    default: the default rule's answers; posteriors: (n_questions, K) its probabilities. gold must pass
    explain_too_little. Where the default stays, its answers and confidences stay.
    """
    features = _Features(panel, posteriors)

    def predict(known: Gold) -> dict[str, IntVector]:
        answers = {"default": default.answer}
        for name, strength in PENALTIES.items():
            answers[name] = default.answer.copy()
            answers[name][gold.question] = _predict(features, known, strength, gold.question).argmax(axis=1)
        return answers

    variant = choose_variant(gold, VARIANTS, predict, lambda human, found: float(np.mean(human == found)))
    if variant == "default":
        return default, variant
    found = _predict(features, gold, PENALTIES[variant], np.arange(panel.n_questions))
    answer = found.argmax(axis=1).astype(np.int64)
    return Combined(answer, np.clip(found.max(axis=1), 0.0, 1.0), np.full(panel.n_questions, np.nan)), variant


class _Features:
    """Rows of the regression's design matrix, made for a few questions at a time."""

    def __init__(self, panel: Panel, posteriors: NDArray[np.float64]) -> None:
        self.panel = panel
        self.base = np.log(np.maximum(posteriors, FLOOR))
        self.starts = np.searchsorted(panel.question, np.arange(panel.n_questions + 1))

    def of(self, questions: IntVector) -> NDArray[np.float64]:
        """(questions, K + labelers * K): the default's log probabilities, then one column a labeler and class."""
        panel, size = self.panel, len(self.panel.classes)
        lengths = self.starts[questions + 1] - self.starts[questions]
        place = np.repeat(np.arange(len(questions)), lengths)
        offset = np.arange(len(place)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row = np.repeat(self.starts[questions], lengths) + offset
        votes = np.zeros((len(questions), len(panel.labelers) * size))
        votes[place, panel.labeler[row] * size + panel.answer[row]] = VOTE_SCALE
        return np.hstack([self.base[questions], votes])


def _predict(features: _Features, gold: Gold, strength: float, questions: IntVector) -> NDArray[np.float64]:
    """(questions, K) probabilities; a class that this gold lacks has probability 0."""
    found = np.zeros((len(questions), features.base.shape[1]))
    seen = np.unique(gold.answer)
    if len(seen) < 2:
        found[:, seen] = 1.0
        return found
    model = LogisticRegression(C=strength, tol=1e-3, max_iter=1000).fit(features.of(gold.question), gold.answer)
    for start in range(0, len(questions), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        found[block, seen] = model.predict_proba(features.of(questions[block]))
    return found
