"""The student: a linear classifier on item embeddings whose probabilities are calibrated. Pure.

p(class | v) = (1 - s) softmax((W v + b) / T) + s / K, over the taxonomy's classes and none, the last. T is the temperature
that out-of-fold answers ask for (Guo et al. 2017); s, by Laplace's rule, is what the number of labels leaves open: a class
that nobody has shown yet keeps a little probability, and no confidence exceeds what the labels can vouch for.

Predicting takes O(n d K) time, and beside its result O(block (d + K)) memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import NONE, Floats, check_vectors

BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class Student:
    """A fitted student. classes: the taxonomy's, in its order, without none, which is the last column of every answer.

    fitted: the columns it has seen examples of, shape (f,); coefficients, shape (f, d), and intercepts, shape (f,), theirs.
    temperature > 0; smoothing in [0, 1]. n_trusted and n_weak: rows it learned from; weak_weight and c: what cross-validation
    chose; log_loss: out of fold, in nats an item, None when there were too few labels to measure it on.
    """

    classes: tuple[str, ...]
    fitted: tuple[int, ...]
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    temperature: float
    smoothing: float
    n_trusted: int
    n_weak: int
    weak_weight: float
    c: float
    log_loss: float | None

    @property
    def columns(self) -> tuple[str, ...]:
        """What each column of the probabilities means: the classes, then none ("")."""
        return (*self.classes, NONE)

    @property
    def version(self) -> str:
        """16 hex digits that change when anything in the student changes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def predict_proba(self, vectors: NDArray[np.float32], *, block: int = BLOCK) -> Floats:
        """Calibrated probabilities, shape (n, len(classes) + 1), rows sum to 1; vectors have shape (n, d), unit length.

        Raises LabelerError for vectors of another dimension or with numbers that are not finite.
        """
        probabilities = np.empty((len(vectors), len(self.columns)), dtype=np.float64)
        check_vectors(vectors[:0], dimension=self.coefficients.shape[1])
        for start in range(0, len(vectors), block):
            part = vectors[start : start + block]
            check_vectors(part)
            logits = part @ self.coefficients.T + self.intercepts
            probabilities[start : start + block] = scale_logits(
                logits, self.fitted, len(self.columns), temperature=self.temperature, smoothing=self.smoothing
            )
        return probabilities

    def to_json(self) -> str:
        """All of it as JSON, numbers of the matrix as base64 of little-endian float32; `from_json` gives it back exactly."""
        values = {
            "classes": list(self.classes),
            "fitted": list(self.fitted),
            "dimension": int(self.coefficients.shape[1]),
            "coefficients": _to_text(self.coefficients),
            "intercepts": _to_text(self.intercepts),
            "temperature": self.temperature,
            "smoothing": self.smoothing,
            "n_trusted": self.n_trusted,
            "n_weak": self.n_weak,
            "weak_weight": self.weak_weight,
            "c": self.c,
            "log_loss": self.log_loss,
        }
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Student:
        """The student that `to_json` wrote. Raises LabelerError when the text is none of its."""
        try:
            values = json.loads(text)
            fitted = tuple(int(column) for column in values["fitted"])
            return cls(
                classes=tuple(values["classes"]),
                fitted=fitted,
                coefficients=_to_array(values["coefficients"]).reshape(len(fitted), int(values["dimension"])),
                intercepts=_to_array(values["intercepts"]).reshape(len(fitted)),
                temperature=float(values["temperature"]),
                smoothing=float(values["smoothing"]),
                n_trusted=int(values["n_trusted"]),
                n_weak=int(values["n_weak"]),
                weak_weight=float(values["weak_weight"]),
                c=float(values["c"]),
                log_loss=None if values["log_loss"] is None else float(values["log_loss"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LabelerError(f"stored student {text[:40]!r} can't be read ({error!r}); fit it again") from error


def scale_logits(
    logits: NDArray[np.floating], fitted: tuple[int, ...], n_columns: int, *, temperature: float, smoothing: float
) -> Floats:
    """Probabilities, shape (n, n_columns), from the logits of the fitted columns, shape (n, f)."""
    scaled = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64) / temperature
    exponentials = np.exp(scaled)
    probabilities = np.full((len(logits), n_columns), smoothing / n_columns)
    probabilities[:, list(fitted)] += (1 - smoothing) * exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _to_text(values: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _to_array(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
