"""What all figures share: a quiet layout, axes that hold names by place, hover texts. Figures are Plotly's JSON as dicts. Pure.

Colours are tokens such as "@c0": the page's script puts in the colour of the reader's scheme, so that the palette lies
in the stylesheet alone. Names are tick texts at whole numbers, never category values: a topic may be named "2026" or
"1e5", and two long ones may look alike when shortened. Hover texts are plain `hovertext`, never templates, in which
"%{x}" would mean something.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from tasks.run_report.texts import for_plotly, shorten

Figure = dict[str, Any]
"""data and layout as Plotly takes them; can_zoom: whether a reader with a mouse may zoom in."""
N_COLOURS = 8
HOVER_CHARS = 40
TICK_CHARS = 18
ROW_PIXELS = 24


def make_figure(data: list[dict[str, Any]], *, height: int, can_zoom: bool = False, **layout: Any) -> Figure:
    """A figure of a height in pixels and the width of its place."""
    shared = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": "@ink", "family": 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'},
        "hoverlabel": {"align": "left", "bgcolor": "@card", "bordercolor": "@line", "font": {"color": "@ink"}},
        "hovermode": "closest",
        "showlegend": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        "bargap": 0.3,
    }
    return {"data": data, "layout": {**shared, **layout}, "can_zoom": can_zoom}


def value_axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis of numbers; title is one of ours."""
    return {
        "title": {"text": title, "font": {"size": 11, "color": "@soft"}},
        "gridcolor": "@line",
        "zerolinecolor": "@line",
        "tickfont": {"color": "@soft", "size": 11},
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def name_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """An axis with a name at 0, 1, 2, …"""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [for_plotly(shorten(name, TICK_CHARS)) for name in names],
        "tickfont": {"color": "@ink", "size": 11},
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        "range": [-0.6, len(names) - 0.4],
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def down_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """The same with the first name on top."""
    return name_axis(names, range=[len(names) - 0.4, -0.6], **more)


def hover(*lines: str) -> str:
    """A hover text, each line wrapped and letter by letter as given."""
    wrapped = [part for line in lines if line for part in textwrap.wrap(line, HOVER_CHARS)]
    return "<br>".join(for_plotly(part) for part in wrapped)


def colour(place: int) -> str:
    """The token of a colour of the palette, which repeats."""
    return f"@c{place % N_COLOURS}"


def rows_height(n: int, *, extra: int = 60) -> int:
    """The height of a figure with n rows of names."""
    return ROW_PIXELS * max(n, 1) + extra


def on_log(n: float) -> float:
    """Where a count lies on an axis that has room for 0: log10(n + 1)."""
    return math.log10(n + 1)


def log_axis(most: float, title: str) -> dict[str, Any]:
    """An axis for `on_log`, marked 0, 1, 10, 100, … up to `most`."""
    marks = [0, *(10**power for power in range(math.ceil(on_log(max(most, 10))) + 1))]
    texts = ["0", *(_short_count(10**power) for power in range(len(marks) - 1))]
    return value_axis(
        title,
        tickmode="array",
        tickvals=[on_log(mark) for mark in marks],
        ticktext=texts,
        range=[-0.12, on_log(max(most, 10)) * 1.06 + 0.1],
        zeroline=False,
    )


def _short_count(n: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= unit:
            return f"{n // unit}{name}"
    return str(n)
