"""Figures of the run itself: when each stage worked, how many rows went through it, what runs cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.run_report.drawing import (
    Figure,
    colour,
    down_axis,
    hover,
    log_axis,
    make_figure,
    name_axis,
    on_log,
    rows_height,
    value_axis,
)
from tasks.run_report.facts import PastRun, StageCost, StageRun
from tasks.run_report.texts import for_plotly

MARKED = {"partial": ("@warn", "/"), "failed": ("@bad", "x"), "running": ("@soft", ".")}
"""Colour and pattern of a stage that did not complete; the pattern tells it where colours can't."""


def draw_timeline(stages: Sequence[StageRun]) -> Figure:
    """A bar a stage and catalog, from its start to its end in seconds of the run."""
    names = list(dict.fromkeys(stage.stage for stage in stages))
    catalogs = list(dict.fromkeys(stage.catalog for stage in stages))
    groups = [(catalog, "completed") for catalog in catalogs] + [("", status) for status in MARKED]
    data = [
        _bars([one for one in stages if _belongs(one, catalog, status)], names, catalog, status, catalogs)
        for catalog, status in groups
    ]
    spent = [sum(one.seconds for one in stages if one.stage == name) for name in names]
    ticks = [f"{name}  {seconds:.1f} s" for name, seconds in zip(names, spent, strict=True)]
    axis = {**down_axis(names), "ticktext": [for_plotly(tick) for tick in ticks]}
    shown = [trace for trace in data if trace["y"]]
    return make_figure(
        shown,
        height=rows_height(len(names), extra=80),
        xaxis=value_axis("seconds since the start", rangemode="tozero"),
        yaxis=axis,
        barmode="overlay",
        showlegend=len(shown) > 1,
    )


def _belongs(stage: StageRun, catalog: str, status: str) -> bool:
    return stage.status == status if status in MARKED else stage.catalog == catalog and stage.status not in MARKED


def _bars(
    stages: Sequence[StageRun], names: Sequence[str], catalog: str, status: str, catalogs: Sequence[str]
) -> dict[str, Any]:
    tint, pattern = MARKED.get(status) or (colour(catalogs.index(catalog)), "")
    return {
        "type": "bar",
        "orientation": "h",
        "name": for_plotly(catalog) or status,
        "y": [names.index(one.stage) for one in stages],
        "base": [round(one.start, 2) for one in stages],
        "x": [round(one.seconds, 2) for one in stages],
        "width": 0.66,
        "marker": {
            "color": tint,
            "line": {"color": tint, "width": 2},
            "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "@card", "solidity": 0.35},
        },
        "hoverinfo": "text",
        "hovertext": [
            hover(f"{one.stage}, {one.catalog}: {one.status}", f"{one.seconds:.1f} s from second {one.start:.0f} on")
            for one in stages
        ],
    }


def draw_rows(stages: Sequence[StageRun]) -> Figure:
    """For each stage and catalog a hollow dot for the rows in, a full one for those out, a cross for those dropped."""
    names = [f"{one.stage}, {one.catalog}" for one in stages]
    places = list(range(len(stages)))
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    for place, one in enumerate(stages):
        lines_x += [on_log(one.rows_in), on_log(one.rows_out), None]
        lines_y += [place, place, None]
    told = [
        hover(
            f"{one.stage}, {one.catalog}",
            f"{one.rows_in:,} in, {one.rows_out:,} out",
            *(f"{n:,} {reason}" for reason, n in one.dropped),
        )
        for one in stages
    ]
    dropped = [(place, one) for place, one in enumerate(stages) if one.n_dropped]
    most = max((max(one.rows_in, one.rows_out) for one in stages), default=1)
    return make_figure(
        [
            {"type": "scatter", "mode": "lines", "x": lines_x, "y": lines_y, "line": {"color": "@line", "width": 3},
             "hoverinfo": "skip", "showlegend": False},
            _dots("rows in", [on_log(one.rows_in) for one in stages], places, told, "circle-open", "@ink", 11),
            _dots("rows out", [on_log(one.rows_out) for one in stages], places, told, "circle", "@c0", 8),
            _dots("dropped", [on_log(one.n_dropped) for _, one in dropped], [place for place, _ in dropped],
                  [told[place] for place, _ in dropped], "x-thin-open", "@bad", 8),
        ],
        height=rows_height(len(names), extra=80),
        xaxis=log_axis(most, "rows, each mark ten times the one before"),
        yaxis=down_axis(names),
        showlegend=True,
    )  # fmt: skip


def _dots(
    name: str, x: Sequence[float], y: Sequence[int], told: Sequence[str], symbol: str, tint: str, size: int
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": list(y),
        "marker": {"symbol": symbol, "color": tint, "size": size, "line": {"color": tint, "width": 2}},
        "hoverinfo": "text",
        "hovertext": list(told),
    }


def draw_costs(costs: Sequence[StageCost], past: Sequence[PastRun]) -> Figure:
    """Dollars a run, stacked by stage; tokens where nothing had a price."""
    stages = list(dict.fromkeys(cost.stage for cost in costs))
    places = {run.run_id: place for place, run in enumerate(past)}
    has_price = any(cost.cost_usd for cost in costs)
    data = [
        {
            "type": "bar",
            "name": for_plotly(stage),
            "x": [places[cost.run_id] for cost in of],
            "y": [round(cost.cost_usd, 6) if has_price else cost.tokens for cost in of],
            "marker": {"color": colour(place)},
            "hoverinfo": "text",
            "hovertext": [
                hover(
                    f"{stage}, {cost.run_id}",
                    f"${cost.cost_usd:.4f}, {cost.requests:,} requests, {cost.tokens:,} tokens",
                )
                for cost in of
            ],
        }
        for place, stage in enumerate(stages)
        if (of := [cost for cost in costs if cost.stage == stage and cost.run_id in places])
    ]
    return make_figure(
        data,
        height=280,
        barmode="stack",
        xaxis=name_axis(name_runs(past)),
        yaxis=value_axis("dollars" if has_price else "tokens", rangemode="tozero", tickprefix="$" if has_price else ""),
        showlegend=True,
    )


def name_runs(past: Sequence[PastRun]) -> list[str]:
    """A short name a run: its day, with the hour of its start where a day has several."""
    days = [f"{run.as_of:%d %b}" for run in past]
    return [
        f"{day} {run.started_at:%H:%M}" if days.count(day) > 1 else day for day, run in zip(days, past, strict=True)
    ]
