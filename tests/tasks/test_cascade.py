"""Several labelers of one task, and the cascade: who is asked what, what it comes to, and what another night asks."""

from __future__ import annotations

import duckdb
import pytest

from tasks.contracts.errors import ConfigError
from tests.night import Nights, SmallCatalog
from tests.tasks.staff import TOPICS, Reader

START = ("ingest", "embed")


def truths(nights: Nights) -> tuple[int, int]:
    """How many of today's topic labels are right, and how many there are."""
    rows = nights.rows("select item_id, primary_topic from current_topic_labels")
    return sum(TOPICS.index(topic) == int(item[1:]) % 3 for item, topic in rows), len(rows)


def test_panel_is_asked_once_and_the_majority_counts(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    panel = '[labelers]\ntopics = ["openai:cheap", "openai:other", "openai:strong"]'
    catalog.head = f'{panel}\n[combine]\nmethod = "majority"'
    report = nights.run(*START, "topics")["topics"]
    assert [len(staff[f"openai:{name}"].asked["topics"]) for name in ("cheap", "other", "strong")] == [30, 30, 30]
    assert (report.rows_in, report.rows_out, report.requests) == (90, 90, 90)
    # Item 19 has two wrong votes of three; everywhere else at most one labeler errs.
    assert truths(nights) == (29, 30)
    assert nights.column("select distinct labeler from current_topic_labels")[0].startswith("combined:")
    assert nights.rows("select position, labeler from panel_members order by position") == [
        (0, "cheap"),
        (1, "other"),
        (2, "strong"),
    ]
    differ = nights.rows("select item_id, answers from label_disagreements order by item_id")
    # Every fourth and every fifth item; the twentieth counts once.
    assert len(differ) == 7 + 6 - 1
    assert [one["labeler"] for one in differ[0][1]] == ["cheap", "other", "strong"]
    catalog.head = panel
    again = nights.run("topics")["topics"]
    assert (again.rows_in, again.requests) == (0, 0)
    # Weighed by how often each errs, the strong one is believed where two weak ones agree.
    assert truths(nights) == (30, 30)


def test_panel_that_shrinks_to_one_labeler_has_its_answers(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    catalog.head = '[labelers]\ntopics = ["openai:cheap", "openai:strong"]'
    nights.run(*START, "topics")
    catalog.head = '[labelers]\ntopics = "openai:strong"'
    assert nights.run("topics")["topics"].rows_in == 0
    assert truths(nights) == (30, 30)
    assert nights.column("select distinct labeler from current_topic_labels") == ["strong"]
    assert nights.value("select count(*) from combined_labels") == 0


def test_labeler_that_is_named_by_two_names_is_refused(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    staff["openai:other"] = staff["openai:cheap"]
    catalog.head = '[labelers]\ntopics = ["openai:cheap", "openai:other"]'
    with pytest.raises(ConfigError, match="'openai:cheap' and 'openai:other' for 'topics', which are the same labeler"):
        nights.run(*START, "topics")


CASCADE = '[labelers]\ntopics = "{cheap}"\n[cascade]\nstrong = "openai:strong"\nstrong_share = 0.4\naudit_share = 0.2'


@pytest.mark.parametrize("cheap", ["embedded", "openai:cheap"])
def test_cascade_asks_the_strong_labeler_its_share_and_labels_everything(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader], cheap: str
) -> None:
    catalog.head = CASCADE.format(cheap=cheap)
    report = nights.run(*START, "topics")["topics"]
    strong = staff["openai:strong"].asked["topics"]
    assert len(strong) == len(set(strong)) == 12
    audit = set(nights.column("select question_key from audit_samples"))
    assert audit
    assert audit <= set(strong)
    right, n = truths(nights)
    assert n == 30
    assert right > 30 - 7
    sources = dict(nights.rows("select source, count(*) from combined_labels group by all"))
    assert sum(sources.values()) == 30
    assert any("labeled by" in note for note in report.notes)
    share = nights.value("select value from label_metrics where metric = 'strong_share'")
    assert share == pytest.approx(12 / 30)


def test_night_without_news_asks_nothing_and_changes_nothing(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    catalog.head = CASCADE.format(cheap="embedded")
    nights.run(*START, "topics")
    before = nights.table("combined_labels")
    for labeler in staff.values():
        labeler.take()
    report = nights.run("topics")["topics"]
    assert (report.rows_in, report.requests) == (0, 0)
    assert "nobody has said anything new: last night's decisions stand" in report.notes
    assert not any(labeler.asked for labeler in staff.values())
    assert nights.table("combined_labels") == before


def test_lost_decisions_are_made_again_without_asking(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    catalog.head = CASCADE.format(cheap="embedded")
    nights.run(*START, "topics")
    without = ("run_id", "created_at")
    before = nights.table("combined_labels", without=without)
    nights.run("ingest")
    with duckdb.connect(str(nights.folder / "nightjar.duckdb")) as connection:
        connection.execute("delete from combined_labels")
    report = nights.run("topics")["topics"]
    assert report.requests == 0
    assert nights.table("combined_labels", without=without) == before


def test_persons_word_stands_above_the_cascade(nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]) -> None:
    catalog.head = CASCADE.format(cheap="embedded")
    nights.run(*START, "topics")
    key = nights.value("select content_hash from items where item_id = 'i01'")
    with duckdb.connect(str(nights.folder / "nightjar.duckdb")) as connection:
        connection.execute(
            "insert into human_labels values ('news', 'topics', ?, 'food', 'ann', 'sure', now()::timestamp, 'f', now()::timestamp)",
            [key],
        )
    label = nights.rows("select primary_topic, labeler, reason from current_topic_labels where item_id = 'i01'")
    assert label == [("food", "person:ann", "sure")]
    nights.run("topics")
    assert nights.value(f"select source from combined_labels where question_key = '{key}'") == "people"


def test_cascade_of_two_cheap_labelers_is_refused(
    nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]
) -> None:
    catalog.head = CASCADE.format(cheap="embedded").replace('"embedded"', '["embedded", "openai:cheap"]')
    with pytest.raises(ConfigError, match="has a cascade and 2 labelers of topics; name one cheap labeler"):
        nights.run(*START, "topics")
    catalog.head = CASCADE.format(cheap="openai:strong")
    with pytest.raises(ConfigError, match="is the labeler of labelers.topics too; name a better one"):
        nights.run("topics")
