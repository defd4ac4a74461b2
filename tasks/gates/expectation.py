"""What an expectation and its result are: plain data that fits the table `quality_results`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import polars as pl

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold of one frame.

    name tells the expectation from the others of its suite and column, and is what the operator reads. type is Great
    Expectations' own ("expect_column_values_to_be_between") and kwargs its arguments without the column. frame names
    the frame it looks at, which for most is a query of sql/audits/. column is empty when the whole frame is meant.
    expected is what the operator reads as "expected …"; mend says what to do when it fails.
    """

    suite: str
    name: str
    type: str
    frame: str
    column: str
    kwargs: Mapping[str, Any]
    severity: Severity
    expected: str
    mend: str


@dataclass(frozen=True)
class ExpectationResult:
    """How one expectation went; the fields are columns of `quality_results`.

    observed and expected are texts for people. n_unexpected counts bad rows, or is 1 for an aggregate that is out of
    bounds. sample is a JSON array of at most five bad rows.
    """

    suite: str
    expectation: str
    column_name: str
    severity: Severity
    is_success: bool
    observed: str
    expected: str
    n_unexpected: int
    sample: str


def result_frame(results: Sequence[ExpectationResult]) -> pl.DataFrame:
    """Results as rows of `quality_results`; the step adds run_id, catalog and created_at."""
    schema = {
        "suite": pl.String, "expectation": pl.String, "column_name": pl.String, "severity": pl.String,
        "is_success": pl.Boolean, "observed": pl.String, "expected": pl.String, "n_unexpected": pl.Int64,
        "sample": pl.String,
    }  # fmt: skip
    names = [field.name for field in fields(ExpectationResult)]
    return pl.DataFrame([[getattr(result, name) for name in names] for result in results], schema=schema, orient="row")


def expect_no_rows(suite: str, frame: str, *, expected: str, mend: str, severity: Severity = "critical") -> Expectation:
    """The audit `frame` returns no bad row. Audits are cut at 100 rows; their column `n_bad` has the true number."""
    return Expectation(
        suite=suite, name=frame, type="expect_table_row_count_to_equal", frame=frame, column="", kwargs={"value": 0},
        severity=severity, expected=expected, mend=mend,
    )  # fmt: skip


def expect_between(
    suite: str, name: str, *, frame: str, column: str, mend: str, low: float | None = None, high: float | None = None,
    is_above: bool = False, severity: Severity = "critical",
) -> Expectation:  # fmt: skip
    """Every value of the column lies in [low, high], or in (low, high] with is_above; nulls are passed over."""
    bounds = [] if low is None else [f"{'above' if is_above else 'at least'} {low:g}"]
    bounds += [] if high is None else [f"at most {high:g}"]
    limits = {"min_value": low, "max_value": high, "strict_min": is_above}
    return Expectation(
        suite=suite, name=name, type="expect_column_values_to_be_between", frame=frame, column=column,
        kwargs={key: limit for key, limit in limits.items() if limit is not None},
        severity=severity, expected=f"{column} {' and '.join(bounds)}", mend=mend,
    )  # fmt: skip


def expect_in_set(
    suite: str, name: str, *, frame: str, column: str, values: Sequence[Any], mend: str, severity: Severity = "critical"
) -> Expectation:
    """Every value of the column is one of `values`."""
    return Expectation(
        suite=suite, name=name, type="expect_column_values_to_be_in_set", frame=frame, column=column,
        kwargs={"value_set": list(values)}, severity=severity,
        expected=f"{column} one of {', '.join(map(str, values))}", mend=mend,
    )  # fmt: skip


def expect_unique(
    suite: str, name: str, *, frame: str, column: str, mend: str, severity: Severity = "critical"
) -> Expectation:
    """No value of the column comes twice."""
    return Expectation(
        suite=suite, name=name, type="expect_column_values_to_be_unique", frame=frame, column=column, kwargs={},
        severity=severity, expected=f"{column} unique", mend=mend,
    )  # fmt: skip
