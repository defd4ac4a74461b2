"""The page about labels and the comparison of two labelings, over warehouses with planted answers and people's labels."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.errors import ConfigError
from tasks.label_compare import compare_labelings, list_labelings, shorten
from tasks.label_pages import read_page, write_label_pages
from tasks.reporting.page import Page, TaskView
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.disputes import EVIL, TOPICS, Disputant, hire_two, plant_gold
from warehouse.clock import utc_now
from warehouse.connection import DATABASE
from warehouse.errors import WarehouseError

START = ("ingest", "embed")


@pytest.fixture
def staff(monkeypatch: pytest.MonkeyPatch) -> dict[str, Disputant]:
    """Two labelers, the second of whom is wrong on every fifth item."""
    return hire_two(monkeypatch)


def page(nights: Nights, catalog: SmallCatalog) -> Page:
    return read_page(nights.folder, load_catalog(catalog.file), made_at=utc_now())


def topics(nights: Nights, catalog: SmallCatalog) -> TaskView:
    return next(view for view in page(nights, catalog).tasks if view.task == "topics")


@pytest.fixture
def panel(nights: Nights, catalog: SmallCatalog, staff: dict[str, Disputant]) -> Nights:
    """A night of two labelers."""
    catalog.head = '[labelers]\ntopics = ["openai:one", "openai:two"]\n[combine]\nmethod = "majority"'
    for item in catalog.items.values():
        item["title"] = f"{EVIL} {item['title']}"
    nights.run(*START, "topics")
    return nights


def test_page_shows_planted_disagreements_first_where_they_are_surest(panel: Nights, catalog: SmallCatalog) -> None:
    view = topics(panel, catalog)
    wrong = [f"i{number:02d}" for number in range(29, 0, -5)]
    assert [case.item_id for case in view.disagreements] == wrong
    assert view.n_disagreements == 6
    first = view.disagreements[0]
    assert [(said.voice, said.answer) for said in first.said] == [("one", TOPICS[29 % 3]), ("two", TOPICS[30 % 3])]
    assert first.counted is not None
    assert {hard.answer: hard.n_disputed for hard in view.hard}.keys() == set(TOPICS)
    assert sum(hard.n_disputed for hard in view.hard) == 6
    assert all(len(hard.cases) <= 10 for hard in view.hard)


def test_page_counts_by_hand(panel: Nights, catalog: SmallCatalog) -> None:
    plant_gold(panel, n=30)
    view = topics(panel, catalog)
    assert [(voice.name, voice.n_labels, voice.n_gold) for voice in view.voices] == [
        ("one", 30, 30),
        ("two", 30, 30),
        ("the label that counts", 30, 30),
    ]
    assert [voice.figures[0].value for voice in view.voices[:2]] == [1.0, 0.8]
    assert view.voices[0].cost_usd == 15.0
    (pair,) = view.pairs
    assert (pair.n, pair.figures[0].value) == (30, 0.8)
    assert view.alpha is not None
    assert 0.6 < view.alpha.value < 0.8
    one, two, _ = view.gold
    assert [one.counts[place][place] for place in range(3)] == [10, 10, 10]
    assert sum(two.counts[place][place] for place in range(3)) == 24
    assert [reliability.n for reliability in view.reliabilities] == [30, 30, 30]


def test_page_can_not_be_broken_out_of(panel: Nights, catalog: SmallCatalog) -> None:
    plant_gold(panel, n=30)
    (path,) = write_label_pages(panel.folder, [load_catalog(catalog.file)])
    assert path == panel.folder / "label_report" / "news.html"
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert EVIL not in text
    assert "&lt;/svg&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34; onload=&#34;y" in text


def test_cascade_is_shown_and_a_persons_own_word_is_not_held_against_it(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Disputant]
) -> None:
    catalog.head = (
        '[labelers]\ntopics = "openai:two"\n[cascade]\nstrong = "openai:one"\nstrong_share = 0.5\naudit_share = 0.3'
    )
    nights.run(*START)
    plant_gold(nights, n=10)
    nights.run("topics")
    view = topics(nights, catalog)
    assert view.cascade is not None
    assert sum(bar.n for bar in view.cascade.shares) == 30
    assert view.cascade.errors[0].name == "all contents"
    assert "The student answers" in view.cascade.promise
    assert "one has answered" in view.cascade.saved
    assert view.voices[-1].role == "counts"
    assert view.voices[-1].n_gold == 0
    assert view.history is not None
    assert "source_share" in {row.metric for row in view.history.rows}
    (found,) = compare_labelings(nights.folder, [load_catalog(catalog.file)], "one", "combined", task="topics")
    assert found.versus.n == 0
    assert found.n_circular == len(nights.rows("select * from panel_answers join person_labels using (question_key) where labeler = 'one'"))  # fmt: skip


def test_single_labeler_without_gold_has_a_useful_page(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    nights.run("ingest", "enrich", "embed", "topics", "similar", "judge")
    views = {view.task: view for view in page(nights, catalog).tasks}
    assert set(views) == {"topics", "similar", "judge", "enrich"}
    view = views["topics"]
    assert [bar.name for bar in view.answers[0].bars] == ["sport"]
    assert sum(bar.n for bar in view.confidences[0].bars) == 30
    assert len(view.hard[0].cases) == 10
    assert view.hard[0].cases[0].runner_up == "food (0.20)"
    assert (view.pairs, view.alpha, view.confusion, view.reliabilities) == ((), None, None, ())
    assert len(views["judge"].unsure) == 20
    assert views["judge"].unsure[0].reader
    assert len(views["enrich"].unsure) == 20
    (path,) = write_label_pages(nights.folder, [load_catalog(catalog.file)], output=nights.folder / "new" / "a.html")
    text = path.read_text(encoding="utf-8")
    assert "People have reviewed none of these questions" in text
    assert "Disagreements" not in text


def test_grades_are_held_against_people_by_quadratic_kappa(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    nights.run("ingest", "embed", "judge")
    with duckdb.connect(str(nights.folder / DATABASE)) as connection:
        connection.execute(
            "insert into human_labels select 'news', 'judge', question_key, answer, 'ann', '', now()::timestamp, 'f',"
            " now()::timestamp from panel_answers where task = 'judge' order by question_key limit 40"
        )
    view = next(view for view in page(nights, catalog).tasks if view.task == "judge")
    assert [(figure.name, figure.value) for figure in view.voices[0].figures] == [
        ("accuracy", 1.0),
        ("quadratic kappa", 1.0),
    ]
    assert view.gold[0].names == ("0", "1", "2", "3")
    (found,) = compare_labelings(nights.folder, [load_catalog(catalog.file)], "current", "scripted", task="judge")
    assert found.versus.kappa is not None
    assert (found.n_changed, found.versus.n, found.versus.kappa.value) == (0, 40, 0.0)


def test_task_that_nobody_has_answered_says_what_to_run(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    (path,) = write_label_pages(nights.folder, [load_catalog(catalog.file)])
    assert "run <code>nightjar label topics</code>" in path.read_text(encoding="utf-8")
    assert list_labelings(nights.folder, "news").is_empty()
    with pytest.raises(ConfigError, match="'news' has no labels of 'topics' yet; run `nightjar label topics` first"):
        compare_labelings(nights.folder, [load_catalog(catalog.file)], "previous", "current", task="topics")


def test_labeler_that_only_fails_is_shown_with_its_dead_letters(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Disputant]
) -> None:
    catalog.head = '[labelers]\ntopics = "openai:one"'
    staff["openai:one"].broken = {""}
    nights.run(*START, "topics")
    view = topics(nights, catalog)
    assert [(voice.name, voice.n_labels, voice.n_dead) for voice in view.voices] == [("one", 0, 30)]
    write_label_pages(nights.folder, [load_catalog(catalog.file)])


def test_without_a_warehouse_the_first_command_is_named(tmp_path: Path, catalog: SmallCatalog) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse .* run `nightjar ingest --catalog FILE` first"):
        write_label_pages(tmp_path / "none", [load_catalog(catalog.save())])


@pytest.fixture
def two_guidelines(nights: Nights, catalog: SmallCatalog, staff: dict[str, Disputant]) -> Nights:
    """The same labeler under an old guideline, wrong on every fifth item, and under a new one."""
    catalog.head = '[labelers]\ntopics = "openai:two"'
    nights.run(*START, "topics")
    staff["openai:two"].version = "2"
    staff["openai:two"].wrong_every = 10
    nights.run("topics")
    return nights


def test_previous_and_current_are_compared_by_hand(two_guidelines: Nights, catalog: SmallCatalog) -> None:
    plant_gold(two_guidelines, n=30)
    (found,) = compare_labelings(
        two_guidelines.folder, [load_catalog(catalog.file)], "previous", "current", task="topics"
    )
    assert (found.before.fingerprint, found.after.fingerprint) == ("two-topics-1", "two-topics-2")
    # Items 4, 14 and 24 were wrong and are right; 9, 19 and 29 are wrong in both.
    assert (found.n_both, found.n_changed) == (30, 3)
    versus = found.versus
    assert (versus.n, versus.n_better, versus.n_worse) == (30, 3, 0)
    assert (versus.before.value, versus.after.value) == (0.8, 0.9)
    assert versus.p_value == pytest.approx(0.25)
    assert "can't be told apart with 30 gold labels" in versus.verdict
    assert found.changes["n"].sum() == 3


def test_known_labelings_are_listed_by_the_shortest_name_that_tells_them(
    two_guidelines: Nights, catalog: SmallCatalog
) -> None:
    known = list_labelings(two_guidelines.folder, "news", task="topics")
    assert known.select("name", "labeler", "when", "labels").rows() == [
        ("two-topics-2", "two", "today: member", 30),
        ("two-topics-1", "two", "earlier", 30),
    ]
    assert shorten(["0123456789ab", "ba9876543210"]) == {"0123456789ab": "01234567", "ba9876543210": "ba987654"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", r"'nobody' names no labeling of 'topics' in catalog 'news'; say current, .* two-topics-2 \(two\)"),
        ("two-topics", "'two-topics' names 2 labelings of 'topics'"),
        ("", "'' names no labeling"),
        ("combined", "has no combined labels of 'topics': a single labeler's answers stand; say 'current'"),
    ],
)
def test_unknown_name_is_answered_with_the_known_ones(
    two_guidelines: Nights, catalog: SmallCatalog, name: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        compare_labelings(two_guidelines.folder, [load_catalog(catalog.file)], name, "current", task="topics")


def test_previous_without_a_past_is_refused(panel: Nights, catalog: SmallCatalog) -> None:
    with pytest.raises(ConfigError, match="has no labels of 'topics' from before today's; known are one-topics-1"):
        compare_labelings(panel.folder, [load_catalog(catalog.file)], "previous", "current", task="topics")


def test_commands_print_and_write_the_changed_rows(
    two_guidelines: Nights, catalog: SmallCatalog, tmp_path: Path
) -> None:
    plant_gold(two_guidelines, n=30)
    with duckdb.connect(str(two_guidelines.folder / DATABASE)) as connection:
        connection.execute("update items set title = '=1+1' where item_id = 'i04'")
    start = ["--warehouse", str(two_guidelines.folder)]
    more = ["--catalog", str(catalog.file)]
    file = tmp_path / "changed.csv"
    shown = CliRunner().invoke(
        app, [*start, "label", "compare", "two-topics-1", "two", *more, "--output", str(file)], catch_exceptions=False
    )
    assert "30 questions answered by both, 3 answers changed (10.0%)" in shown.output
    assert "3 changed for the better, 0 for the worse" in shown.output
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    assert [row["item_id"] for row in rows] == ["i04", "i24", "i14"]
    assert "'=1+1" in {row["title"] for row in rows}
    assert {row["person"] == row["after"] != row["before"] for row in rows} == {True}
    shown = CliRunner().invoke(app, [*start, "label", "list", *more], catch_exceptions=False)
    assert "two-topics-1" in shown.output
    page = tmp_path / "page.html"
    shown = CliRunner().invoke(app, [*start, "label", "report", *more, "--output", str(page)], catch_exceptions=False)
    assert str(page) in shown.output.replace("\n", "")
    assert page.exists()
