"""The gates of a run, those that failed first, each with rows to look at and what to do. Pure; O(expectations)."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tasks.gates.suites import known_expectations
from tasks.run_report.facts import Gate
from tasks.run_report.texts import TEXT_CHARS, plain, plain_id

VALUE_CHARS = 60
ROW_CHARS = 260
MOST_FIELDS = 8
DEFAULT_MEND = "look at the Data Docs and at quality_results for all of its rows"


def make_gates(rows: pl.DataFrame) -> tuple[Gate, ...]:
    """rows: those of sql/queries/report_gates.sql; failing critical ones come first, then warnings, then the rest."""
    gates = [_to_gate(row) for row in rows.iter_rows(named=True)]
    return tuple(sorted(gates, key=lambda one: (one.is_success, one.severity != "critical")))


def _to_gate(row: dict[str, Any]) -> Gate:
    known = known_expectations().get(row["expectation"])
    return Gate(
        catalog=row["catalog"],
        suite=row["suite"],
        name=row["expectation"],
        column=plain_id(row["column_name"]),
        severity=row["severity"],
        is_success=row["is_success"],
        observed=plain(row["observed"], most=TEXT_CHARS),
        expected=plain(row["expected"], most=TEXT_CHARS),
        n_unexpected=row["n_unexpected"],
        sample=tuple(_describe_row(bad) for bad in json.loads(row["sample"])),
        mend=known.mend if known else DEFAULT_MEND,
    )


def _describe_row(row: Any) -> str:
    if not isinstance(row, dict):
        return plain(str(row), most=ROW_CHARS)
    fields = [
        f"{plain_id(name)}: {plain(_to_text(value), most=VALUE_CHARS)}"
        for name, value in row.items()
        if value is not None
    ]
    rest = f", and {len(fields) - MOST_FIELDS} more" if len(fields) > MOST_FIELDS else ""
    return ", ".join(fields[:MOST_FIELDS]) + rest


def _to_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
