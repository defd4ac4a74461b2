"""What the quality stage finds out about labels: agreement, accuracy on people's labels, shift, cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb
import pytest

from tests.night import DAY, Nights, SmallCatalog
from tests.tasks.staff import TOPICS, Reader

NIGHT = ("ingest", "embed", "topics", "quality")
PANEL = '[labelers]\ntopics = ["openai:cheap", "openai:strong"]\nenrich = "embedded"\nsimilar = "embedded"\njudge = "embedded"'
LOOSE = "[gates]\nmax_unlabeled_share = 1.0\nmin_agreement = 0.9\nmax_topic_share = 1.0"


@pytest.fixture
def nights(nights: Nights, catalog: SmallCatalog, staff: dict[str, Reader]) -> Nights:
    catalog.head = PANEL
    catalog.more = LOOSE
    return nights


def say(nights: Nights, answers: dict[str, str | None]) -> None:
    """People file these items."""
    with duckdb.connect(str(nights.folder / "nightjar.duckdb")) as connection:
        for item, answer in answers.items():
            connection.execute(
                "insert into human_labels select 'news', 'topics', content_hash, ?, 'ann', '', now()::timestamp, 'f',"
                " now()::timestamp from items where item_id = ?",
                [answer, item],
            )


def metric(nights: Nights, name: str, subject: str, task: str = "topics") -> Any:
    rows = nights.rows(
        f"select value, low, high, n from label_metrics where run_id = '{nights.run_id}' and task = '{task}'"
        f" and metric = '{name}' and subject = '{subject}'"
    )
    return rows[0] if rows else None


def test_agreement_is_measured_and_a_warning_below_the_floor(nights: Nights) -> None:
    report = nights.run(*NIGHT)["quality"]
    value, low, high, n = metric(nights, "agreement", "cheap and strong")
    assert (value, n) == (pytest.approx(23 / 30), 30)
    assert low < value < high
    alpha = metric(nights, "alpha", "labelers")
    assert alpha[0] < 0.9
    assert any("labelers_agree" in note for note in report.notes)


def test_accuracy_on_peoples_labels_of_each_labeler_and_of_what_counts(nights: Nights) -> None:
    nights.run("ingest", "embed", "topics")
    # Item 3 is one of those that the cheap labeler gets wrong.
    say(nights, {f"i{n:02d}": TOPICS[n % 3] for n in range(10)})
    nights.run("quality")
    assert metric(nights, "accuracy", "strong")[0] == 1.0
    value, low, high, n = metric(nights, "accuracy", "cheap")
    assert (value, n) == (0.8, 10)
    assert low < 0.8 < high
    assert metric(nights, "accuracy", "the label that counts")[3] == 10
    assert metric(nights, "kappa", "people and strong")[0] == 1.0


def test_labels_are_compared_with_those_of_a_week_ago(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run(*NIGHT, as_of=DAY - timedelta(days=8))
    assert metric(nights, "stability_index", "a week") is None
    with duckdb.connect(str(nights.folder / "nightjar.duckdb")) as connection:
        connection.execute("update runs set as_of = ?", [DAY - timedelta(days=8)])
    nights.run(*NIGHT)
    assert metric(nights, "stability_index", "a week")[0] == pytest.approx(0.0)
    say(nights, dict.fromkeys(catalog.items, "food"))
    report = nights.run("quality")["quality"]
    assert metric(nights, "stability_index", "a week")[0] > 0.25
    assert 0.2 < metric(nights, "jensen_shannon", "a week")[0] <= 1
    assert any("labels_are_stable" in note for note in report.notes)


def test_cost_of_a_label_is_that_of_the_run(nights: Nights) -> None:
    nights.run(*NIGHT)
    assert metric(nights, "cost_per_label_usd", "run")[0] == pytest.approx(0.5)
    assert metric(nights, "tokens_per_label", "run")[0] == 12
    nights.run("quality")
    assert metric(nights, "cost_per_label_usd", "run") is None
