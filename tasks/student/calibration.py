"""Make stated confidences honest on gold labels, and measure how honest they are. Pure.

Below ISOTONIC_FROM examples a beta curve (Kull, Silva Filho & Flach 2017), three numbers drawn towards "leave it as it is";
from there on isotonic regression, which fits any rising curve but needs the data (Niculescu-Mizil & Caruana 2005). Neither
ever turns the order of two confidences round; isotonic regression may tie them.

Time O(n log n), memory O(n).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Flags, Floats, check_length, check_probabilities

ISOTONIC_FROM = 1_000
FOLDS = 5

_EDGE = 1e-6
_PRIOR_VARIANCE = 1.0
_DECIMALS = 6


@dataclass(frozen=True)
class Calibration:
    """A rising curve from stated to honest confidence.

    method: "none", "beta" or "isotonic". parameters: (a, b, m) of logit(y) = a ln x - b ln(1 - x) + m with a, b >= 0 for
    beta; the curve's corners x_1, y_1, x_2, y_2, ... for isotonic, straight between them; empty for none.
    """

    method: str
    parameters: tuple[float, ...]
    n: int

    def apply(self, confidence: Floats) -> Floats:
        """Honest confidences, shape (n,), for stated ones, shape (n,), in [0, 1]. Raises LabelerError for others."""
        check_probabilities(confidence, "confidence")
        stated = np.asarray(confidence, dtype=np.float64)
        if self.method == "beta":
            return _beta_curve(stated, np.asarray(self.parameters))
        if self.method == "isotonic":
            return np.asarray(np.interp(stated, self.parameters[::2], self.parameters[1::2]))
        return stated

    def to_json(self) -> str:
        """All of it as JSON; `from_json` gives it back exactly."""
        return json.dumps({"method": self.method, "parameters": list(self.parameters), "n": self.n}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """The calibration that `to_json` wrote. Raises LabelerError when the text is none of its."""
        try:
            values = json.loads(text)
            method = values["method"]
            parameters = tuple(float(value) for value in values["parameters"])
            if {"none": len(parameters) == 0, "beta": len(parameters) == 3, "isotonic": len(parameters) >= 2}[method]:
                return cls(method=method, parameters=parameters, n=int(values["n"]))
            raise ValueError(f"{len(parameters)} parameters for {method}")
        except (ValueError, KeyError, TypeError) as error:
            raise LabelerError(f"stored calibration {text[:40]!r} can't be read ({error!r}); fit it again") from error


def fit_calibration(confidence: Floats, is_right: Flags) -> Calibration:
    """The curve for confidences, shape (n,), in [0, 1], whose answers were right or not. n = 0 changes nothing.

    Give it a random sample of answers that the labeler had not learned from. Raises LabelerError for arrays that don't fit.
    """
    check_length(is_right, len(confidence), "flags of right answers")
    check_probabilities(confidence, "confidence")
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    if len(stated) == 0:
        return Calibration("none", (), 0)
    if len(stated) < ISOTONIC_FROM:
        return Calibration("beta", _fit_beta(stated, right), len(stated))
    curve = IsotonicRegression(y_min=_EDGE, y_max=1 - _EDGE, out_of_bounds="clip").fit(stated, right)
    corners = np.column_stack([curve.X_thresholds_, curve.y_thresholds_]).astype(np.float64).ravel()
    return Calibration("isotonic", tuple(float(value) for value in corners), len(stated))


def _fit_beta(stated: Floats, right: Floats) -> tuple[float, ...]:
    unchanged = np.array([1.0, 1.0, 0.0])

    def loss(parameters: Floats) -> float:
        honest = np.clip(_beta_curve(stated, parameters), _EDGE, 1 - _EDGE)
        likelihood = np.sum(right * np.log(honest) + (1 - right) * np.log(1 - honest))
        return float(-likelihood + np.sum((parameters - unchanged) ** 2) / (2 * _PRIOR_VARIANCE))

    found = minimize(loss, unchanged, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    return tuple(round(float(value), _DECIMALS) for value in found.x)


def _beta_curve(stated: Floats, parameters: Floats) -> Floats:
    clipped = np.clip(stated, _EDGE, 1 - _EDGE)
    logits = parameters[0] * np.log(clipped) - parameters[1] * np.log1p(-clipped) + parameters[2]
    return np.asarray(1 / (1 + np.exp(-logits)))
