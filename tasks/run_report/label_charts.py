"""Figures of labels and items: how answers are spread beside the run before, and the map. Pure."""

from __future__ import annotations

from collections import Counter

from tasks.run_report.drawing import Figure, colour, down_axis, hover, make_figure, rows_height, value_axis
from tasks.run_report.measured import ItemMap, TaskLabels
from tasks.run_report.texts import for_plotly, shorten

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
MOST_TOPICS = 24
OTHER = "(other)"
LEGEND_CHARS = 22
MAP_PIXELS = 520
SMALL_MAP_PIXELS = 400
SMALL_MAP = 300


def draw_shares(labels: TaskLabels) -> Figure:
    """Two bars an answer: its share now, and in the run before."""
    names = [share.answer for share in labels.shares]
    places = list(range(len(names)))
    now = {
        "type": "bar",
        "orientation": "h",
        "name": "this run",
        "y": places,
        "x": [round(100 * share.share, 2) for share in labels.shares],
        "marker": {"color": "@c0"},
        "hoverinfo": "text",
        "hovertext": [hover(share.answer, f"{share.n:,} labels, {share.share:.1%}") for share in labels.shares],
    }
    data = [now]
    if labels.before_run:
        before = [share.before or 0.0 for share in labels.shares]
        told = [hover(name, f"{share:.1%} in {labels.before_run}") for name, share in zip(names, before, strict=True)]
        data.append(
            {**now, "name": "the run before", "x": [round(100 * share, 2) for share in before], "hovertext": told,
             "marker": {"color": "@faint", "line": {"color": "@soft", "width": 1}}}
        )  # fmt: skip
    return make_figure(
        data,
        height=rows_height(len(names), extra=70),
        barmode="group",
        bargroupgap=0.08,
        xaxis=value_axis("", rangemode="tozero", ticksuffix=" %"),
        yaxis=down_axis(names),
        showlegend=len(data) > 1,
    )


def draw_map(found: ItemMap) -> Figure:
    """A dot an item, coloured by topic, with another shape where colours come round again; hovering shows the title."""
    often = Counter(point.topic for point in found.points)
    kept = [topic for topic, _ in sorted(often.items(), key=lambda one: (-one[1], one[0]))][:MOST_TOPICS]
    groups = {topic: [point for point in found.points if point.topic == topic] for topic in kept}
    rest = [point for point in found.points if point.topic not in groups]
    if rest:
        groups[OTHER] = rest
    is_small = len(found.points) <= SMALL_MAP
    size = 9 if is_small else 6 if len(found.points) <= 1200 else 4
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": for_plotly(f"{shorten(topic, LEGEND_CHARS)} ({len(points)})"),
            "x": [point.x for point in points],
            "y": [point.y for point in points],
            "marker": {
                "color": "@soft" if topic == OTHER else colour(place),
                "symbol": SYMBOLS[place // 8 % len(SYMBOLS)],
                "size": size,
                "opacity": 0.85,
                "line": {"color": "@card", "width": 0.5},
            },
            "hoverinfo": "text",
            "hovertext": [hover(point.title, point.topic) for point in points],
        }
        for place, (topic, points) in enumerate(groups.items())
    ]
    blank = {"visible": False, "range": [-1.06, 1.06]}
    legend = {"orientation": "h", "x": 0, "y": 0, "yanchor": "top", "font": {"size": 11}, "itemsizing": "constant"}
    return make_figure(
        data,
        height=SMALL_MAP_PIXELS if is_small else MAP_PIXELS,
        can_zoom=True,
        xaxis=blank,
        yaxis=blank,
        showlegend=True,
        legend=legend,
    )
