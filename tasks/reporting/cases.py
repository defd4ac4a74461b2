"""Questions to read, with everything that is said of them, from rows of one voice each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.reporting.page import Case, Hard, Said


def make_cases(rows: pl.DataFrame) -> dict[str, Case]:
    """Cases by question. rows: those of sql/queries/label_report_cases.sql, the voices of a question in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["question_key"], []).append(row)
    return {key: _make_case(voices) for key, voices in found.items()}


def make_hard(chosen: Sequence[tuple[str, Sequence[tuple[str, bool]]]], cases: Mapping[str, Case]) -> tuple[Hard, ...]:
    """The hard cases of each answer. chosen: (answer, [(question, whether it is disputed)])."""
    return tuple(
        Hard(answer, sum(is_disputed for _, is_disputed in rows), tuple(cases[key] for key, _ in rows))
        for answer, rows in chosen
    )


def _make_case(rows: Sequence[dict[str, Any]]) -> Case:
    first = rows[0]
    said = [_to_said(row) for row in rows if row["role"] != "counts"]
    counted = next((_to_said(row) for row in rows if row["role"] == "counts"), None)
    if not said and counted is not None:
        said, counted = [counted], None
    return Case(
        item_id=first["item_id"] or "",
        title=first["title"] or first["item_id"] or "",
        other_title=first["other_title"] or "",
        reader=first["reader"] or "",
        said=tuple(said),
        counted=counted,
        person=first["person"] or "",
        note=first["note"] or "",
    )


def _to_said(row: Mapping[str, Any]) -> Said:
    return Said(
        row["voice"],
        row["answer"],
        row["confidence"],
        row["reason"],
        row["runner_up"] or "",
        row["runner_up_confidence"] or 0.0,
    )
