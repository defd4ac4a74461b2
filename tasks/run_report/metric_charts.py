"""Figures of measurements: rankers with their intervals, the trend over runs, and what has drifted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.run_report.drawing import (
    TICK_CHARS,
    Figure,
    colour,
    down_axis,
    hover,
    make_figure,
    name_axis,
    rows_height,
    value_axis,
)
from tasks.run_report.facts import Churn, PastRun
from tasks.run_report.measured import CatalogMetrics, Measure, TaskLabels
from tasks.run_report.measuring import MAIN, RANKER
from tasks.run_report.run_charts import name_runs
from tasks.run_report.texts import for_plotly, shorten
from tasks.run_report.verdict import SHIFTED

SHIFTED_FOR_CERTAIN = 0.25
DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = ("circle", "square", "diamond", "triangle-up")


def draw_rankers(metrics: CatalogMetrics) -> Figure:
    """A dot and its 95 % interval a ranker, the best on top; a hollow diamond where the run before had it."""
    shown = [(one.name, one.metrics[MAIN]) for one in metrics.rankers if _has_value(one.metrics.get(MAIN))]
    names = [name for name, _ in shown]
    earlier = [
        (place, metrics.before[name]) for place, name in enumerate(names) if _has_value(metrics.before.get(name))
    ]
    tints = ["@c0" if name == RANKER else "@soft" for name in names]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "markers", "name": "this run, with its interval",
            "x": [measure.value for _, measure in shown], "y": list(range(len(names))),
            "error_x": _interval([measure for _, measure in shown]),
            "marker": {"size": 9, "color": tints},
            "hoverinfo": "text", "hovertext": [hover(name, _describe(measure)) for name, measure in shown],
        }
    ]  # fmt: skip
    if earlier:
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": "the run before",
                "x": [measure.value for _, measure in earlier], "y": [place for place, _ in earlier],
                "marker": {"size": 9, "symbol": "diamond-open", "color": "@c5", "line": {"width": 1.5}},
                "hoverinfo": "text",
                "hovertext": [hover(names[place], f"the run before: {_describe(measure)}") for place, measure in earlier],
            }
        )  # fmt: skip
    return make_figure(
        data,
        height=rows_height(len(names), extra=80),
        xaxis=value_axis("NDCG@10", rangemode="tozero"),
        yaxis={**down_axis(names), "ticktext": [_emphasize(name) for name in names]},
        showlegend=bool(earlier),
    )


def draw_trend(metrics: CatalogMetrics, past: Sequence[PastRun]) -> Figure:
    """NDCG@10 over runs, the ranker's with its intervals."""
    measured = {measure.subject for trend in metrics.trends for measure in trend.measures}
    runs = [run for run in past if run.run_id in measured]
    places = {run.run_id: place for place, run in enumerate(runs)}
    data = []
    for place, trend in enumerate(metrics.trends):
        known = [one for one in trend.measures if _has_value(one) and one.subject in places]
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": for_plotly(trend.ranker),
                "x": [places[one.subject] for one in known], "y": [one.value for one in known],
                "line": {"color": colour(place), "width": 2, "dash": DASHES[place % len(DASHES)]},
                "marker": {"size": 8, "symbol": MARKS[place % len(MARKS)], "color": colour(place)},
                "hoverinfo": "text",
                "hovertext": [hover(trend.ranker, one.subject, _describe(one)) for one in known],
                **({"error_y": _interval(known)} if trend.ranker == RANKER else {}),
            }
        )  # fmt: skip
    return make_figure(
        data,
        height=300,
        xaxis=name_axis(name_runs(runs)),
        yaxis=value_axis("NDCG@10", rangemode="tozero"),
        showlegend=True,
    )


def draw_shift(labels: Sequence[TaskLabels]) -> Figure:
    """The stability index of each catalog and task, beside the two marks from which on one looks."""
    shown = [one for one in labels if one.shift is not None]
    values = [one.shift or 0.0 for one in shown]
    marks = ((SHIFTED, "@warn"), (SHIFTED_FOR_CERTAIN, "@bad"))
    tints = ["@bad" if value >= SHIFTED_FOR_CERTAIN else "@warn" if value >= SHIFTED else "@c0" for value in values]
    return make_figure(
        [
            {
                "type": "bar", "orientation": "h", "x": [round(value, 4) for value in values],
                "y": list(range(len(shown))), "marker": {"color": tints}, "hoverinfo": "text",
                "hovertext": [hover(f"{one.task} of {one.catalog}", f"stability index {one.shift:.3f}") for one in shown],
            }
        ],
        height=rows_height(len(shown), extra=60),
        xaxis=value_axis("stability index", range=[0, max(0.3, *(1.05 * value for value in values))]),
        yaxis=down_axis([f"{one.task}, {one.catalog}" for one in shown]),
        shapes=[
            {"type": "line", "x0": at, "x1": at, "y0": -0.6, "y1": len(shown) - 0.4,
             "line": {"color": tint, "width": 1.5, "dash": "dot"}}
            for at, tint in marks
        ],
    )  # fmt: skip


def draw_churn(churn: Sequence[Churn], past: Sequence[PastRun]) -> Figure:
    """Items of a catalog that came, changed (above) and went (below), run by run."""
    runs = [run for run in past if run.run_id in {one.run_id for one in churn}]
    places = {run.run_id: place for place, run in enumerate(runs)}
    counts = {
        "new": [one.n_new for one in churn],
        "changed": [one.n_changed for one in churn],
        "gone": [-one.n_gone for one in churn],
    }
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [places[one.run_id] for one in churn],
            "y": values,
            "marker": {"color": tint},
            "hoverinfo": "text",
            "hovertext": [hover(f"{abs(n):,} items {name}", one.run_id) for n, one in zip(values, churn, strict=True)],
        }
        for (name, values), tint in zip(counts.items(), ("@c0", "@c1", "@c5"), strict=True)
    ]
    return make_figure(
        data,
        height=260,
        barmode="relative",
        xaxis=name_axis(name_runs(runs)),
        yaxis=value_axis("items"),
        showlegend=True,
    )


def _emphasize(name: str) -> str:
    text = for_plotly(shorten(name, TICK_CHARS))
    return f"<b>{text}</b>" if name == RANKER else text


def _has_value(measure: Measure | None) -> bool:
    return measure is not None and measure.value is not None


def _interval(measures: Sequence[Measure]) -> dict[str, Any]:
    above = [round((one.high or 0) - (one.value or 0), 6) if one.high is not None else 0 for one in measures]
    below = [round((one.value or 0) - (one.low or 0), 6) if one.low is not None else 0 for one in measures]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 1.5,
        "width": 4,
        "color": "@soft",
    }


def _describe(measure: Measure) -> str:
    interval = "" if measure.low is None or measure.high is None else f" [{measure.low:.3f}, {measure.high:.3f}]"
    return f"NDCG@10 {measure.value:.3f}{interval}"
