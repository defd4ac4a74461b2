"""Figures: Plotly takes them, they hold the numbers by hand, and no name of a catalog is read as markup or as a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tasks.run_report.drawing import Figure, hover, log_axis, on_log
from tasks.run_report.facts import Churn, PastRun, StageCost, StageRun
from tasks.run_report.label_charts import draw_map, draw_shares
from tasks.run_report.measured import CatalogMetrics, ItemMap, Measure, Point, Ranker, Share, TaskLabels, Trend
from tasks.run_report.metric_charts import draw_churn, draw_rankers, draw_shift, draw_trend
from tasks.run_report.run_charts import draw_costs, draw_rows, draw_timeline, name_runs

EVIL = "<b>%{x}</b><a href='javascript:1'>&amp;"
START = datetime(2026, 11, 1, 3)
PAST = tuple(PastRun(f"r{n}", date(2026, 11, n), "completed", START + timedelta(n), 60.0) for n in (1, 2, 3))
STAGES = (
    StageRun("ingest", EVIL, "completed", 0.0, 2.0, 100, 90, (("quarantined", 10),)),
    StageRun("ingest", "books", "completed", 2.0, 1.0, 0, 0),
    StageRun("judge", EVIL, "failed", 3.5, 4.0, 1000, 0),
)


def measure(value: float | None, subject: str = "ndcg") -> Measure:
    return Measure(
        "ndcg", subject, value, None if value is None else value - 0.1, None if value is None else value + 0.2, 9
    )


METRICS = CatalogMetrics(
    "news",
    "r3",
    9,
    (Ranker("lambdamart", {"ndcg": measure(0.5)}), Ranker(EVIL, {"ndcg": measure(0.3)}), Ranker("none", {})),
    {EVIL: measure(0.4), "gone": measure(0.1)},
    (Trend("lambdamart", tuple(measure(0.1 * n, f"r{n}") for n in (1, 2, 3))), Trend(EVIL, (measure(None, "r1"), measure(0.2, "r3")))),
)  # fmt: skip
LABELS = TaskLabels("news", "topics", "r3", "r2", (Share(EVIL, 3, 0.75, 0.5), Share("1e5", 1, 0.25, 0.5)), 0, 0.12, ())
MAP = ItemMap("news", (Point(0.1, 0.2, EVIL, EVIL), Point(0.3, -0.2, "b", "2026")), 2, "")
CHURN = (Churn("r2", "news", 5, 2, 3), Churn("r3", "news", 0, 0, 0))
COSTS = (StageCost("r2", EVIL, 3, 500, 0.02), StageCost("r3", EVIL, 1, 100, 0.01), StageCost("older", EVIL, 1, 1, 1.0))
ALL: dict[str, Figure] = {
    "timeline": draw_timeline(STAGES),
    "rows": draw_rows(STAGES),
    "costs": draw_costs(COSTS, PAST),
    "shares": draw_shares(LABELS),
    "map": draw_map(MAP),
    "rankers": draw_rankers(METRICS),
    "trend": draw_trend(METRICS, PAST),
    "shift": draw_shift([LABELS]),
    "churn": draw_churn(CHURN, PAST),
}


def resolve(value: Any, key: str = "") -> Any:
    """Colours in place of their tokens, as the page's script puts them in."""
    if isinstance(value, dict):
        return {name: resolve(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [resolve(one, key) for one in value]
    return "#123456" if isinstance(value, str) and value.startswith("@") and key.endswith("color") else value


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", ALL)
def test_plotly_takes_the_figure(name: str) -> None:
    from plotly.graph_objects import Figure as PlotlyFigure

    shown = resolve({"data": ALL[name]["data"], "layout": ALL[name]["layout"]})
    assert not [text for text in strings(shown) if text.startswith("@")]
    PlotlyFigure(shown)


@pytest.mark.parametrize("name", ALL)
def test_no_text_of_a_catalog_is_markup_or_a_template(name: str) -> None:
    ours = {"<br>", "<b>lambdamart</b>"}
    texts = [text.replace("<br>", " ") for text in strings(ALL[name]) if text not in ours]
    assert not [text for text in texts if "<" in text]
    assert not {"hovertemplate", "texttemplate"} & {key for trace in ALL[name]["data"] for key in trace}


@pytest.mark.parametrize("name", ALL)
def test_names_are_ticks_and_never_values(name: str) -> None:
    for trace in ALL[name]["data"]:
        assert all(value is None or isinstance(value, int | float) for axis in ("x", "y") for value in trace[axis])


def test_timeline_places_bars_by_hand() -> None:
    first, second, failed = ALL["timeline"]["data"]
    assert (first["base"], first["x"], first["y"]) == ([0.0], [2.0], [0])
    assert (second["base"], second["x"], second["y"]) == ([2.0], [1.0], [0])
    assert (failed["name"], failed["y"], failed["marker"]["pattern"]["shape"]) == ("failed", [1], "x")
    assert ALL["timeline"]["layout"]["yaxis"]["ticktext"] == ["ingest  3.0 s", "judge  4.0 s"]


def test_rows_have_room_for_none() -> None:
    _, into, out, dropped = ALL["rows"]["data"]
    assert (into["x"][1], out["x"][2]) == (0.0, 0.0)
    assert dropped["x"] == [on_log(10)]
    axis = log_axis(2500, "rows")
    assert axis["ticktext"] == ["0", "1", "10", "100", "1k", "10k"]


def test_costs_are_dollars_of_known_runs_and_tokens_where_nothing_has_a_price() -> None:
    (bar,) = ALL["costs"]["data"]
    assert (bar["x"], bar["y"]) == ([1, 2], [0.02, 0.01])
    (free,) = draw_costs([replace(COSTS[0], cost_usd=0.0)], PAST)["data"]
    assert free["y"] == [500]


def test_shares_stand_beside_those_before() -> None:
    now, before = ALL["shares"]["data"]
    assert (now["x"], before["x"]) == ([75.0, 25.0], [50.0, 50.0])
    assert len(draw_shares(replace(LABELS, before_run=""))["data"]) == 1


def test_map_has_a_trace_a_topic_and_puts_rare_ones_together() -> None:
    assert [trace["x"] for trace in ALL["map"]["data"]] == [[0.3], [0.1]]
    many = ItemMap("n", tuple(Point(0, 0, "t", f"topic {n:02d}") for n in range(40)), 40, "")
    data = draw_map(many)["data"]
    assert len(data) == 25
    assert data[-1]["name"] == "(other) (16)"
    assert len({(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in data}) == 25


def test_rankers_without_a_value_are_left_out() -> None:
    now, before = ALL["rankers"]["data"]
    assert (now["x"], now["y"]) == ([0.5, 0.3], [0, 1])
    assert now["error_x"]["array"] == [0.2, 0.2]
    assert (before["x"], before["y"]) == ([0.4], [1])


def test_trend_leaves_out_runs_without_a_value() -> None:
    assert [trace["x"] for trace in ALL["trend"]["data"]] == [[0, 1, 2], [2]]


def test_churn_shows_what_went_below_the_line() -> None:
    assert [trace["y"] for trace in ALL["churn"]["data"]] == [[5, 0], [2, 0], [-3, 0]]


def test_runs_of_one_day_are_told_apart_by_their_hour() -> None:
    again = replace(PAST[0], started_at=PAST[0].started_at + timedelta(hours=2))
    assert name_runs((PAST[0], again)) == ["01 Nov 03:00", "01 Nov 05:00"]
    assert name_runs(PAST) == ["01 Nov", "02 Nov", "03 Nov"]


def test_hover_wraps_long_titles() -> None:
    lines = hover("word " * 30).split("<br>")
    assert len(lines) > 3
    assert max(map(len, lines)) <= 40
