"""How labels are spread and how far labelers agree, from rows of label_metrics. Pure; time and memory O(rows)."""

from __future__ import annotations

import polars as pl

from tasks.run_report.measured import Measure, Share, TaskLabels
from tasks.run_report.texts import plain

ORDER = ("topics", "judge", "similar", "enrich")
MOST_ANSWERS = 24
MOST_MEASURES = 12
AGREEMENT = ("accuracy", "alpha", "kappa", "weighted_kappa", "calibration_error", "audit_error", "ungrounded_share")
"""Which figures are shown, in this order; the page about labels has all of them."""


def make_labels(rows: pl.DataFrame) -> tuple[TaskLabels, ...]:
    """Labels by catalog and task. rows: those of sql/queries/report_labels.sql."""
    found = [
        _to_labels(str(catalog), str(task), of)
        for (catalog, task), of in rows.group_by("catalog", "task", maintain_order=True)
    ]
    known = [labels for labels in found if labels.shares or labels.agreement]
    return tuple(
        sorted(
            known,
            key=lambda one: (one.catalog, ORDER.index(one.task) if one.task in ORDER else len(ORDER), one.task),
        )
    )


def _to_labels(catalog: str, task: str, rows: pl.DataFrame) -> TaskLabels:
    now, earlier = rows.filter(age=0), rows.filter(age=1)
    before = dict(earlier.select("subject", "value").iter_rows())
    shares = _make_shares(now.filter(metric="share"), before, is_graded=task == "judge")
    shift = now.filter(metric="stability_index")["value"].to_list()
    return TaskLabels(
        catalog=catalog,
        task=task,
        run_id=now["run_id"][0] if now.height else "",
        before_run=earlier["run_id"][0] if earlier.height else "",
        shares=shares[:MOST_ANSWERS],
        n_left_out=max(0, len(shares) - MOST_ANSWERS),
        shift=shift[0] if shift else None,
        agreement=_make_measures(now),
    )


def _make_shares(now: pl.DataFrame, before: dict[str, float], *, is_graded: bool) -> tuple[Share, ...]:
    counts = {row["subject"]: (row["n"], row["value"] or 0.0) for row in now.iter_rows(named=True)}
    # An answer that nobody gives any more is still told: its going is what one looks for.
    names = [*counts, *(name for name in before if name not in counts)]
    made = [
        Share(plain(name), *counts.get(name, (0, 0.0)), before=before.get(name, 0.0) if before else None)
        for name in names
    ]
    return tuple(sorted(made, key=(lambda one: one.answer) if is_graded else (lambda one: (-one.n, one.answer))))


def _make_measures(now: pl.DataFrame) -> tuple[Measure, ...]:
    made = [
        Measure(row["metric"], plain(row["subject"]), row["value"], row["low"], row["high"], row["n"])
        for row in now.iter_rows(named=True)
        if row["metric"] in AGREEMENT
    ]
    return tuple(sorted(made, key=lambda one: (AGREEMENT.index(one.metric), one.subject))[:MOST_MEASURES])
