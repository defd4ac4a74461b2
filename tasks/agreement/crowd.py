"""Labelers' errors and true answers estimated together, without gold, by crowd-kit's EM.

Dawid-Skene (1979) gives every labeler a K x K confusion matrix, the one-coin model (Zhang et al. 2016) a single skill.
Both take labelers to err independently given the truth: labelers who copy each other are trusted too much, and with
many labelers the posterior is surer of itself than it is right. Weights and stated confidences are not used.
O(rows * K) time an iteration, at most N_ITERATIONS of them; about 8 K + 24 bytes a row of memory, several times over.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.agreement.consensus import Combined
from tasks.agreement.panel import FloatVector, Panel

N_ITERATIONS = 100


@dataclass(frozen=True)
class CrowdFit:
    """posteriors: (n_questions, K), uniform where nobody answered. skills: (labelers,) expected share of right answers."""

    posteriors: NDArray[np.float64]
    skills: FloatVector


def fit_crowd(panel: Panel, model: str) -> CrowdFit:
    """Posteriors and skills of "dawid_skene" or "one_coin" for a panel without abstentions.

    Where only one class occurs there is nothing to estimate: that class is certain and every skill is 1.
    """
    size = len(panel.classes)
    posteriors = np.full((panel.n_questions, size), 1.0 / size)
    seen = np.unique(panel.answer)
    if len(seen) < 2:
        posteriors[panel.question] = np.eye(size)[panel.answer]
    else:
        # These bring scikit-learn, which costs two seconds that only a night with a panel should pay.
        import pandas as pd
        from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene

        models = {"dawid_skene": DawidSkene, "one_coin": OneCoinDawidSkene}
        rows = pd.DataFrame({"task": panel.question, "worker": panel.labeler, "label": panel.answer})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"crowdkit\.")  # its pandas calls warn of pandas 4
            found = models[model](n_iter=N_ITERATIONS).fit_predict_proba(rows)
        posteriors[np.ix_(found.index.to_numpy(), found.columns.to_numpy())] = found.to_numpy()
        posteriors[np.ix_(found.index.to_numpy(), np.setdiff1d(np.arange(size), seen))] = 0.0
    right = posteriors[panel.question, panel.answer]
    counts = np.bincount(panel.labeler, minlength=len(panel.labelers))
    sums = np.bincount(panel.labeler, weights=right, minlength=len(panel.labelers))
    return CrowdFit(posteriors, sums / np.maximum(counts, 1))


def combine_crowd(panel: Panel, model: str, *, is_ordinal: bool) -> Combined:
    """The most probable class, the first of classes where posteriors tie; confidence is its posterior.

    score is the posterior's expected grade for ordinal answers.
    """
    posteriors = fit_crowd(panel, model).posteriors
    answer = posteriors.argmax(axis=1).astype(np.int64)
    score = posteriors @ np.arange(len(panel.classes)) if is_ordinal else np.full(panel.n_questions, np.nan)
    return Combined(answer, np.clip(posteriors.max(axis=1), 0.0, 1.0), score)
