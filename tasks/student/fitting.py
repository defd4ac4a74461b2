"""Train the student on trusted labels, with what a weaker labeler says about the catalog as help. Pure.

Multinomial logistic regression. The weak labeler's answers come in as rows of their own, weighted by their confidence times
`weak_weight`; how much they count (from nothing to as much as a trusted label) and how strongly the coefficients are held
down are chosen by the out-of-fold log loss on the trusted labels alone. A held-out item keeps its weak row, as an unlabeled
item of the catalog does. Exact copies of an item share a fold, so that none vouches for itself.

Labels that err are met three times: by the ridge penalty, by weights, and by `label_error`, which corrects the loss forward
(Patrini et al. 2017), so that the probabilities are of the true class and not of what the labeler would say.

Time O(g f (n + m) d K i) for g = 10 settings, f = 5 folds, i iterations of L-BFGS; n in the search and m are capped at
SEARCH_ROWS and WEAK_ROWS. Memory O((n + m) d).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Codes, Floats, check_length, check_vectors, encode_labels, seed_stream
from tasks.student.model import Student, scale_logits

FOLDS = 5
SEARCH_ROWS = 4_000
WEAK_ROWS = 20_000
MIN_MEASURED = 10
"""With fewer trusted labels nothing is chosen or calibrated on them: the middle settings stand."""

_CS = (1.0, 10.0)
_WEAK_WEIGHTS = (0.3, 0.1, 0.03, 1.0, 0.0)
_DECIMALS = 5
_LOG_TEMPERATURES = (-3.0, 3.0)


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """What a weaker labeler says: vectors (m, d), labels (m,; None is none), confidence (m,) in [0, 1].

    The items may be those of the trusted labels too: give the whole catalog.
    """

    vectors: NDArray[np.float32]
    labels: Sequence[str | None]
    confidence: Floats


@dataclass(frozen=True, eq=False)
class CrossFit:
    """A student, and for each of its trusted items the probabilities of a student that had not seen that item's label.

    out_of_fold has shape (n, len(classes) + 1). Use it wherever a labeled item's own probability matters: in deciding, in the
    audit, in choosing a threshold. The student's own answer about an item it has learned from repeats the label.
    """

    student: Student
    out_of_fold: Floats


@dataclass(frozen=True, eq=False)
class _Rows:
    vectors: NDArray[np.float32]
    codes: Codes
    weights: Floats


def fit_student(
    vectors: NDArray[np.float32],
    labels: Sequence[str | None],
    *,
    classes: Sequence[str],
    weights: Floats | None = None,
    weak: WeakLabels | None = None,
    label_error: float | Floats = 0.0,
    seed: int,
) -> Student:
    """The student of `cross_fit_student`, without the out-of-fold probabilities."""
    return cross_fit_student(
        vectors, labels, classes=classes, weights=weights, weak=weak, label_error=label_error, seed=seed
    ).student


def cross_fit_student(
    vectors: NDArray[np.float32],
    labels: Sequence[str | None],
    *,
    classes: Sequence[str],
    weights: Floats | None = None,
    weak: WeakLabels | None = None,
    label_error: float | Floats = 0.0,
    seed: int,
) -> CrossFit:
    """Fit to the trusted labels of unit vectors, shape (n, d); the same input and seed give the same student.

    labels: one of classes an item, or None/"" for none of them. classes without an example are allowed, and so is one class
    only. weights (n,): how much each label counts, 1 by default, 0 or more. label_error: the labelers' known error rate, one
    for all or one a label, in [0, 1).
    n = 0 is allowed with weak labels: the student then imitates them, uncalibrated.

    Raises LabelerError for no labels at all, an unknown label, repeated or empty classes, or arrays that do not fit.
    """
    if not classes or len(set(classes)) != len(classes) or "" in classes:
        raise LabelerError(f"classes are {list(classes)}; give at least one, each once; none needs no name")
    check_vectors(vectors)
    check_length(labels, len(vectors), "labels")
    trusted = _Rows(vectors, encode_labels(labels, classes), _row_values(weights, len(vectors), 1.0, "weights"))
    errors = _row_values(label_error, len(vectors), 0.0, "label errors")
    if not bool(((errors >= 0) & (errors < 1)).all()):
        raise LabelerError(f"label_error is {label_error}; give the labelers' error rates, from 0 to below 1")
    helping = _weak_rows(weak, classes, dimension=vectors.shape[1], seed=seed)
    if len(vectors) + len(helping.codes) == 0:
        raise LabelerError("the student has neither trusted nor weak labels to learn from; ask for a few first")
    # These matrices are small: with several threads each step waits for the slowest, on a busy machine for seconds.
    with threadpool_limits(limits=1, user_api="blas"):
        return _Fitting(trusted, errors, helping, tuple(classes), seed).run()


@dataclass(frozen=True, eq=False)
class _Fitting:
    trusted: _Rows
    errors: Floats
    weak: _Rows
    classes: tuple[str, ...]
    seed: int

    @property
    def _columns(self) -> int:
        return len(self.classes) + 1

    @property
    def _smoothing(self) -> float:
        return 1 / (len(self.trusted.codes) + (len(self.weak.codes) if not len(self.trusted.codes) else 0) + 2)

    def run(self) -> CrossFit:
        n = len(self.trusted.codes)
        folds = assign_folds(self.trusted.vectors, self.trusted.codes, seed=self.seed)
        weights = _WEAK_WEIGHTS if len(self.weak.codes) else (0.0,)
        c, weight = _CS[0], weights[0]
        temperature, loss = 1.0, None
        if measured := len(np.unique(folds)) > 1 and n >= MIN_MEASURED:
            searched = np.sort(seed_stream(self.seed, "search").permutation(n)[:SEARCH_ROWS])
            tried = [
                (self._score(self._held_out(searched, folds, c, w), searched)[0], c, w) for w in weights for c in _CS
            ]
            _, c, weight = min(tried)
        logits = self._held_out(np.arange(n), folds, c, weight)
        if measured:
            loss, temperature = self._score(logits, np.arange(n))
        held_out = self._probabilities(logits, temperature)
        fitted, coefficients, intercepts = self._fit(np.ones(n, dtype=np.bool_), c, weight if n else 1.0)
        student = Student(
            classes=self.classes,
            fitted=fitted,
            coefficients=coefficients,
            intercepts=intercepts,
            temperature=temperature,
            smoothing=self._smoothing,
            n_trusted=n,
            n_weak=len(self.weak.codes) if weight else 0,
            weak_weight=weight if len(self.weak.codes) else 0.0,
            c=c,
            log_loss=loss,
        )
        return CrossFit(student, held_out)

    def _held_out(self, rows: Codes, folds: Codes, c: float, weight: float) -> Floats:
        """Logits of the given trusted rows by models that had not seen their folds; -inf for a class a model lacks."""
        logits = np.full((len(rows), self._columns), -np.inf)
        for fold in np.unique(folds[rows]):
            seen = np.zeros(len(folds), dtype=np.bool_)
            seen[rows[folds[rows] != fold]] = True
            inside = folds[rows] == fold
            if not seen.any() and not (len(self.weak.codes) and weight):
                logits[inside] = 0.0
                continue
            fitted, coefficients, intercepts = self._fit(seen, c, weight)
            answers = self.trusted.vectors[rows[inside]] @ coefficients.T + intercepts
            logits[np.ix_(inside, fitted)] = answers
        return logits

    def _fit(
        self, seen: NDArray[np.bool_], c: float, weight: float
    ) -> tuple[tuple[int, ...], NDArray[np.float32], NDArray[np.float32]]:
        rows, codes, weights = self.trusted.vectors[seen], self.trusted.codes[seen], self.trusted.weights[seen]
        if weight and len(self.weak.codes):
            rows = np.concatenate([rows, self.weak.vectors])
            codes = np.concatenate([codes, self.weak.codes])
            weights = np.concatenate([weights, weight * self.weak.weights])
        present = np.unique(codes)
        if len(present) == 1:
            return (int(present[0]),), np.zeros((1, rows.shape[1]), np.float32), np.zeros(1, np.float32)
        model = LogisticRegression(C=c, max_iter=300, tol=1e-3).fit(rows, codes, sample_weight=weights)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(present) == 2:
            coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        rounded = (np.round(part, _DECIMALS).astype(np.float32) for part in (coefficients, intercepts))
        return (tuple(int(code) for code in present), *rounded)

    def _probabilities(self, logits: Floats, temperature: float) -> Floats:
        everything = tuple(range(self._columns))
        return scale_logits(logits, everything, self._columns, temperature=temperature, smoothing=self._smoothing)

    def _score(self, logits: Floats, rows: Codes) -> tuple[float, float]:
        """The noise-corrected log loss an item at the best temperature, and that temperature."""
        codes, weights, errors = self.trusted.codes[rows], self.trusted.weights[rows], self.errors[rows]

        def loss(log_temperature: float) -> float:
            right = self._probabilities(logits, float(np.exp(log_temperature)))[np.arange(len(rows)), codes]
            observed = (1 - errors) * right + errors * (1 - right) / (self._columns - 1)
            # A weak pull towards 1 as of one item: a dozen faultless answers are no proof of certainty.
            return float(-(weights * np.log(observed)).sum() + log_temperature**2 / 2)

        best = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
        return round(float(best.fun) / max(float(weights.sum()), 1e-12), 6), round(float(np.exp(best.x)), 6)


def assign_folds(vectors: NDArray[np.float32], codes: Codes, *, seed: int) -> Codes:
    """A fold from 0 to 4 for each item, shape (n,): exact copies together, every class spread as evenly as it goes."""
    group_of: dict[bytes, int] = {}
    groups = np.array([group_of.setdefault(row.tobytes(), len(group_of)) for row in vectors], dtype=np.intp)
    if not len(groups):
        return groups
    firsts = np.unique(groups, return_index=True)[1]
    shuffled = seed_stream(seed, "folds").permutation(len(firsts))
    ordered = shuffled[np.argsort(codes[firsts][shuffled], kind="stable")]
    fold_of = np.empty(len(firsts), dtype=np.intp)
    fold_of[ordered] = np.arange(len(firsts)) % FOLDS
    return np.asarray(fold_of[groups])


def _row_values(values: float | Floats | None, n: int, default: float, what: str) -> Floats:
    if values is None or isinstance(values, float | int):
        return np.full(n, default if values is None else float(values))
    check_length(values, n, what)
    if not bool((np.isfinite(values) & (values >= 0)).all()):
        raise LabelerError(f"{what} hold {values.min()}; give finite numbers, 0 or more")
    return np.asarray(values, dtype=np.float64)


def _weak_rows(weak: WeakLabels | None, classes: Sequence[str], *, dimension: int, seed: int) -> _Rows:
    if weak is None:
        return _Rows(np.empty((0, dimension), np.float32), np.empty(0, np.intp), np.empty(0))
    check_vectors(weak.vectors, dimension=dimension)
    check_length(weak.labels, len(weak.vectors), "weak labels")
    confidence = _row_values(weak.confidence, len(weak.vectors), 1.0, "weak confidences")
    codes = encode_labels(weak.labels, classes)
    drawn = np.sort(seed_stream(seed, "weak").permutation(len(codes))[:WEAK_ROWS])
    return _Rows(weak.vectors[drawn], codes[drawn], confidence[drawn])
