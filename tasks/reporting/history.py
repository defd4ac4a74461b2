"""What runs noted about labels, as a table over runs and as the picture of a cascade. Pure."""

from __future__ import annotations

import json
import math

import polars as pl

from tasks.reporting.page import Bar, CascadeView, Figure, History, Noted

MOST_ROWS = 40


def make_history(metrics: pl.DataFrame) -> History | None:
    """Metrics by run, the newest run first, at most MOST_ROWS; None where nothing was noted.

    metrics: run_id, noted_at, metric, subject, value, low, high, n; the newest run first.
    """
    if metrics.is_empty():
        return None
    runs = metrics["run_id"].unique(maintain_order=True).to_list()
    rows = [
        _to_noted(str(metric), str(subject), of, runs)
        for (metric, subject), of in metrics.group_by("metric", "subject", maintain_order=True)
    ]
    rows.sort(key=lambda row: (row.metric, row.subject))
    return History(tuple(runs), tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def _to_noted(metric: str, subject: str, rows: pl.DataFrame, runs: list[str]) -> Noted:
    values = dict(rows.select("run_id", "value").iter_rows())
    last = rows.row(0, named=True)
    return Noted(metric, subject, tuple(values.get(run) for run in runs), last["low"], last["high"], last["n"])


def make_cascade(metrics: pl.DataFrame, facts: str | None) -> CascadeView | None:
    """Tonight's cascade, or the last one that decided anything; None where there was none."""
    ran = metrics.filter(metric="source_share")
    if ran.is_empty():
        return None
    tonight = metrics.filter(run_id=ran["run_id"][0])
    shares = tonight.filter(metric="source_share").sort("value", "subject", descending=[True, False])
    errors = tonight.filter(metric="audit_error").sort(pl.col("subject") != "all", "subject")
    return CascadeView(
        shares=tuple(Bar(row["subject"], row["n"], row["value"] or 0.0) for row in shares.iter_rows(named=True)),
        promise=_describe_promise(tonight, facts),
        errors=tuple(_to_figure(row) for row in errors.iter_rows(named=True)),
        saved=_describe_savings(tonight),
    )


def _to_figure(row: dict[str, object]) -> Figure:
    value, low, high = (math.nan if row[name] is None else float(str(row[name])) for name in ("value", "low", "high"))
    name = "all contents" if row["subject"] == "all" else str(row["subject"])
    return Figure(name, value, low, high, int(str(row["n"])))


def _describe_promise(tonight: pl.DataFrame, facts: str | None) -> str:
    if facts is None:
        return ""
    known = json.loads(facts)
    bound = tonight.filter(metric="student_error_bound")
    allowed = bound["high"][0] if bound.height and bound["high"][0] is not None else None
    n = known.get("n_calibration", 0)
    limit = "" if allowed is None else f" of at most {allowed:.1%}"
    if known.get("threshold") is None:
        return f"The student answers nothing alone: {n} audited contents don't show an error{limit}."
    return (
        f"The student answers alone from a confidence of {known['threshold']:.3f} on, {known.get('coverage', 0.0):.0%} of the"
        f" contents; its error there is below {known.get('error_upper_bound', math.nan):.1%} (19 times in 20, by {n} audited;"
        f" promised:{limit or ' nothing'})."
    )


def _describe_savings(tonight: pl.DataFrame) -> str:
    share = tonight.filter(metric="strong_share")
    if share.is_empty():
        return ""
    saved = {name: tonight.filter(metric=name)["value"].to_list() for name in ("tokens_saved", "cost_saved_usd")}
    tokens, money = ((found[0] or 0.0) if found else 0.0 for found in saved.values())
    price = f" and ${money:,.4f}" if money else ""
    return (
        f"{share['subject'][0]} has answered {share['value'][0]:.1%} of the contents; about {tokens:,.0f} tokens{price}"
        " saved against asking it for all."
    )
