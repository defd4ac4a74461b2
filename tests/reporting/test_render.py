"""The page: self-contained, and whatever a catalog's texts hold, text."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest

from tasks.reporting.history import make_history
from tasks.reporting.page import (
    Bar,
    Bars,
    CascadeView,
    Case,
    Figure,
    Hard,
    History,
    Matrix,
    Noted,
    Page,
    Pair,
    Point,
    Reliability,
    Said,
    TaskView,
    Voice,
)  # fmt: skip
from tasks.reporting.pictures import place_dots, place_segments, tint_cells
from tasks.reporting.render import format_count, format_decimal, format_figure, format_money, render_page

EVIL = "</svg></style></title><script>alert(1)</script><img src=x onerror='alert(2)'>\" onload=\"alert(3)' {{ 7 * 7 }} ]]> -->"
VOID = {"meta", "br", "rect", "path", "circle", "img", "link"}


class Seen(HTMLParser):
    """Tags and attributes as a browser would read them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def figure(name: str = EVIL) -> Figure:
    return Figure(name, 0.5, 0.4, 0.6, 10)


def full_page(text: str) -> Page:
    """Every part of a page, with the same text wherever a text may stand."""
    said = Said(text, text, 0.5, text, text, 0.3)
    case = Case(text, text, text, text, (said, Said("other", text + "x", 0.4, text)), said, text, text)
    voice = Voice(text, "member", "f", 3, 1, 2, 0.5, 3, 30, 0.5, 3, (figure(text),))
    matrix = Matrix(text, text, (text, "b"), ((1, 0), (2, 3)))
    point = Point(0.5, 0.5, 0.4, 0.6, 3)
    view = TaskView(
        task="topics",
        voices=(voice,),
        n_gold=40,
        notes=(text,),
        answers=(Bars(text, (Bar(text, 3, 1.0),)),),
        confidences=(Bars(text, (Bar(text, 3, 1.0),)),),
        gold=(matrix,),
        reliabilities=(Reliability(text, 40, 0.2, 0.1, (point,), (point,)),),
        alpha=figure(text),
        pairs=(Pair(text, text, 3, (figure(text),)),),
        confusion=matrix,
        disagreements=(case,),
        n_disagreements=1,
        unsure=(case,),
        hard=(Hard(text, 1, (case,)),),
        cascade=CascadeView((Bar(text, 3, 1.0),), text, (figure(text),), text),
        history=History((text,), (Noted(text, text, (0.5,), 0.4, 0.6, 3),), 2),
    )
    return Page(text, text, "today", (view,))


def parse(html: str) -> Seen:
    seen = Seen()
    seen.feed(html)
    seen.close()
    assert seen.open == []
    return seen


def test_text_of_a_catalog_never_becomes_markup() -> None:
    plain, evil = parse(render_page(full_page("plain"))), parse(render_page(full_page(EVIL)))
    assert evil.tags == plain.tags
    assert not {"script", "img", "iframe", "object", "link"} & set(evil.tags)
    names = {name for name, _ in evil.attributes}
    assert names == {name for name, _ in plain.attributes}
    assert not [name for name in names if name.startswith("on")]
    assert "alert(1)" in evil.text


def test_page_loads_nothing() -> None:
    page = render_page(full_page("plain"))
    seen = parse(page)
    links = [value for name, value in seen.attributes if name in {"href", "src", "action", "xlink:href"}]
    assert links == ["#topics"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert not [text for text in ("http:", "https:", "url(", "@import", "javascript:") if text in page]


def test_text_never_stands_in_a_style() -> None:
    seen = parse(render_page(full_page("red;}")))
    styles = [value for name, value in seen.attributes if name == "style"]
    assert styles
    assert not [style for style in styles if "red" in style]


def test_page_with_nothing_says_what_to_run() -> None:
    page = render_page(Page("news", "News", "today", (TaskView("topics"), TaskView("enrich"))))
    assert "Nobody has answered yet; run <code>nightjar label topics</code>" in page
    assert "run <code>nightjar enrich</code>" in page


def test_too_few_labels_say_how_many_more() -> None:
    voice = Voice("x", "member", "f", 90, 0, 0, 0.5, 0, 0, 0.0, 10, (Figure("accuracy", 0.5, 0.2, 0.8, 10),))
    page = render_page(Page("news", "News", "today", (TaskView("topics", (voice,), n_gold=10),)))
    assert "20 more of people's labels are needed" in page
    assert "nightjar review export doubtful.csv --task topics --n 20" in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "–"), (None, "–"), (0.5, "0.5"), (0.12345, "0.123"), (12345.0, "12\u202f345"), (0.0, "0")],
)
def test_decimals(value: float | None, shown: str) -> None:
    assert format_decimal(value) == shown


def test_counts_money_and_figures() -> None:
    assert format_count(1234567) == "1\u202f234\u202f567"
    assert [format_money(value) for value in (0.0, 0.0025, 12.345)] == ["$0", "$0.0025", "$12.35"]
    assert format_figure(Figure("x", 0.5, 0.25, 0.75, 4)) == "50.0\u202f% [25.0, 75.0]"
    assert format_figure(Figure("x", 0.5, math.nan, math.nan, 4, is_share=False)) == "0.500"
    assert format_figure(Figure("x", math.nan, math.nan, math.nan, 0)) == "–"


def test_pictures_lie_inside_their_frames() -> None:
    dots = place_dots([Point(0.0, 1.0, 0.9, 1.0, 1), Point(1.0, 0.0, 0.0, 0.1, 9)])
    assert [(dot.x, dot.y) for dot in dots] == [(44.0, 12.0), (264.0, 232.0)]
    segments = place_segments([Bar("a", 3, 0.75), Bar("b", 1, 0.25)])
    assert [(one.x, one.width) for one in segments] == [(0.0, 75.0), (75.0, 25.0)]
    cells = tint_cells(Matrix("r", "c", ("a", "b"), ((3, 1), (0, 0))))
    assert [cell.percent for cell in cells[0]] == [75.0, 25.0]
    assert [cell.tint for cell in cells[1]] == [0, 0]


def test_history_without_metrics_is_none() -> None:
    import polars as pl

    assert make_history(pl.DataFrame({"run_id": []})) is None
