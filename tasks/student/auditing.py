"""How often labels are wrong, measured on a random audit sample. Pure; O(n) time and memory.

The sample says something about the answers that were given *without* its own labels: compare the strong model's answer with
what the cascade would have said had it not been asked (a student's out-of-fold answer), and only for the kind of items that
get such answers. About the strong model's own answers it says nothing: its error needs people.

Different inclusion probabilities: the rate is weighted by 1 / probability (Hájek's form of Horvitz & Thompson 1952), and the
interval is that of a simple sample of the effective size (sum w)² / sum w² (Kish 1965; Korn & Graubard 1998).
Reference labels that err: see `intervals.disagreement_for`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.contracts.errors import LabelerError
from tasks.student.arrays import Flags, Floats, check_length, check_share
from tasks.student.intervals import error_behind, exact_interval, wilson_interval


@dataclass(frozen=True)
class ErrorEstimate:
    """An error rate in [0, 1] and the interval [low, high] that holds it with probability 1 - delta at least.

    n: labels it rests on; n_effective: the size of a simple random sample that tells as much; disagreement: the weighted
    share of answers that differ from the reference labels, before the correction for their errors.
    With n = 0 nothing is known: rate is nan, and the interval is [0, 1].
    """

    rate: float
    low: float
    high: float
    n: int
    n_effective: float
    disagreement: float


def audit_error(
    is_wrong: Flags,
    *,
    probabilities: Floats | None = None,
    label_error: float = 0.0,
    label_error_range: tuple[float, float] | None = None,
    n_classes: int = 2,
    method: str = "exact",
    delta: float = 0.05,
) -> ErrorEstimate:
    """The error rate of answers from audit flags, shape (n,): True where the answer differs from the reference label.

    probabilities (n,), in (0, 1]: with which each item entered the sample, all equal by default. label_error: how often the
    reference labels err, independently of the answers and evenly over n_classes classes. label_error_range: where that rate
    was itself measured, its interval at level delta / 2; the interval here then takes the other delta / 2.
    method: "exact" (Clopper-Pearson, never too narrow) or "wilson" (narrower, right on average).

    Raises LabelerError for values out of range.

    >>> estimate = audit_error(np.arange(200) < 20, label_error=0.068, n_classes=5)
    >>> round(estimate.rate, 3), round(estimate.low, 3), round(estimate.high, 3)
    (0.035, 0.0, 0.09)
    """
    check_share(delta, "delta")
    if method not in ("exact", "wilson"):
        raise LabelerError(f"unknown method {method!r}; expected one of exact, wilson")
    wrong = np.asarray(is_wrong, dtype=np.bool_)
    weights = _to_weights(probabilities, len(wrong))
    lowest, highest = label_error_range or (label_error, label_error)
    if not lowest <= label_error <= highest:
        raise LabelerError(
            f"label_error {label_error} lies outside its range {lowest} to {highest}; give one that holds it"
        )
    # Checked here as well, so that an impossible rate is refused before anybody has been asked.
    zero = error_behind(0.0, label_error=highest, n_classes=n_classes)
    if len(wrong) == 0:
        return ErrorEstimate(float("nan"), zero, 1.0, 0, 0.0, float("nan"))
    disagreement = float(weights[wrong].sum() / weights.sum())
    effective = float(weights.sum() ** 2 / np.sum(weights**2))
    interval = exact_interval if method == "exact" else wilson_interval
    level = delta if label_error_range is None else delta / 2
    low, high = interval(disagreement * effective, effective, delta=level)
    return ErrorEstimate(
        rate=error_behind(disagreement, label_error=label_error, n_classes=n_classes),
        low=error_behind(low, label_error=highest, n_classes=n_classes),
        high=error_behind(high, label_error=lowest, n_classes=n_classes),
        n=len(wrong),
        n_effective=effective,
        disagreement=disagreement,
    )


def audit_sources(
    sources: Sequence[str],
    is_wrong: Flags,
    *,
    probabilities: Floats | None = None,
    label_error: float = 0.0,
    n_classes: int = 2,
    delta: float = 0.05,
) -> dict[str, ErrorEstimate]:
    """`audit_error` for the answers of each source, by name. Each interval holds on its own, not all of them together."""
    wrong = np.asarray(is_wrong, dtype=np.bool_)
    check_length(sources, len(wrong), "sources")
    if probabilities is not None:
        check_length(probabilities, len(wrong), "probabilities")
    names = np.asarray(sources, dtype=np.str_)
    return {
        str(name): audit_error(
            wrong[names == name],
            probabilities=None if probabilities is None else probabilities[names == name],
            label_error=label_error,
            n_classes=n_classes,
            delta=delta,
        )
        for name in np.unique(names)
    }


def combine_errors(estimates: Sequence[ErrorEstimate], sizes: Sequence[int]) -> ErrorEstimate:
    """The error over groups of items of known sizes: rates weighted by size, and an interval that holds if all theirs do.

    For a joint interval at level delta give estimates at level delta / number of groups. A group of size 0 does not count.

    Raises LabelerError when lengths differ or all sizes are 0.
    """
    check_length(sizes, len(estimates), "sizes")
    total = sum(sizes)
    if total <= 0:
        raise LabelerError(f"the groups' sizes are {list(sizes)}; at least one group must hold items")
    parts = [(estimate, size / total) for estimate, size in zip(estimates, sizes, strict=True) if size]
    return ErrorEstimate(
        rate=sum(estimate.rate * share for estimate, share in parts),
        low=sum(estimate.low * share for estimate, share in parts),
        high=sum(estimate.high * share for estimate, share in parts),
        n=sum(estimate.n for estimate, _ in parts),
        n_effective=sum(estimate.n_effective for estimate, _ in parts),
        disagreement=sum(estimate.disagreement * share for estimate, share in parts),
    )


def _to_weights(probabilities: Floats | None, n: int) -> Floats:
    if probabilities is None:
        return np.ones(n)
    check_length(probabilities, n, "probabilities")
    given = np.asarray(probabilities, dtype=np.float64)
    if n and not bool(((given > 0) & (given <= 1)).all()):
        wrong = given[~((given > 0) & (given <= 1))][0]
        raise LabelerError(f"inclusion probability {wrong} of an audited item; give values above 0, at most 1")
    return 1 / given
