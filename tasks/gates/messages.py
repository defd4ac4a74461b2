"""Says which gate stopped the run, on which rows, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.gates.expectation import ExpectationResult
from tasks.gates.suites import known_expectations

SHOWN_CHARS = 600


def first_critical(results: Sequence[ExpectationResult]) -> str | None:
    """What stopped the run, for GateFailedError: the first critical failure with some of its rows; None if none."""
    failed = [one for one in results if one.severity == "critical" and not one.is_success]
    if not failed:
        return None
    first = failed[0]
    sample = "" if first.sample == "[]" else f", for example {_shorten(first.sample)}"
    others = ", ".join(one.expectation for one in failed[1:])
    known = known_expectations().get(first.expectation)
    mend = known.mend if known else "look at quality_results for all of them"
    return (
        f"gate {first.suite!r} stopped the run: {first.expectation} observed {first.observed}, "
        f"expected {first.expected}{sample}."
        + (f" Also failed: {others}." if others else "")
        + f" Nothing was published; the last publication stands. {mend[0].upper()}{mend[1:]}."
    )


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
