"""A task that ends in order before its work list does: what it answered counts, the rest stays due, nothing is closed."""

from __future__ import annotations

import pytest

from tasks.contracts.errors import GateFailedError
from tasks.labelers.protocol import Task
from tests.night import Nights, SmallCatalog
from tests.tasks.conftest import Begin, UnfinishedLabeler

TABLES = {"enrich": "enrichments", "topics": "topic_labels", "similar": "similarity_labels", "judge": "judge_labels"}
TASKS: tuple[Task, ...] = ("enrich", "topics", "similar", "judge")
NIGHT = ("ingest", "embed", *TASKS)


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """With pairs of near items; the scripted labeler sees sport everywhere, which its gate allows."""
    for item, copy in (("i00", "i28"), ("i01", "i29")):
        catalog.items[copy] = {**catalog.items[item], "id": copy, "title": f"{catalog.items[item]['title']} again"}
    catalog.more = "[gates]\nmax_topic_share = 1.0"
    return catalog


@pytest.mark.parametrize("task", TASKS)
def test_answers_so_far_are_kept_and_the_rest_stays_due(
    nights: Nights, unfinished: UnfinishedLabeler, task: Task
) -> None:
    nights.run(*NIGHT[: NIGHT.index(task)])
    unfinished.limits = {task: 1}
    report = nights.run(task)[task]
    assert (report.is_partial, report.rows_in, report.rows_out) == (True, 1, 1)
    assert nights.value(f"select count(*) from {TABLES[task]}") == 1
    assert report.notes[:3] == (
        "asked scripted", "the budget is reached: 1 requests were left to it", f"{report.n_due} questions stay due",
    )  # fmt: skip
    first = unfinished.take()[task]
    unfinished.limits = {}
    again = nights.run(task)[task]
    assert (again.is_partial, again.rows_in) == (False, report.n_due)
    assert first[0] not in unfinished.take()[task]


def test_dead_letters_are_among_what_stays_due(nights: Nights, unfinished: UnfinishedLabeler) -> None:
    nights.run("ingest")
    unfinished.broken, unfinished.limits = {""}, {"topics": 3}
    report = nights.run("topics")["topics"]
    assert (report.rows_out, report.n_due) == (0, 30)


def test_items_without_labels_are_recommended_and_published(nights: Nights, unfinished: UnfinishedLabeler) -> None:
    unfinished.limits = {"topics": 7, "judge": 20}
    reports = nights.run()
    assert [stage for stage, report in reports.items() if report.is_partial] == ["topics", "judge"]
    assert any("warning: pairs_are_labeled" in note for note in reports["quality"].notes)
    assert nights.rows("select status from runs") == [("partial",)]
    assert nights.published("item_topics")["item_id"].n_unique() == 7
    recommended = nights.published("recommendations")
    assert recommended["user_id"].n_unique() == 20
    assert set(recommended["item_id"]) - set(nights.published("item_topics")["item_id"])


def test_gate_is_closed_when_labels_are_missing_for_another_reason(
    nights: Nights, begin: Begin, unfinished: UnfinishedLabeler
) -> None:
    nights.run(*NIGHT)
    with_connection = "delete from topic_labels where content_hash in (select content_hash from topic_labels limit 5)"
    _execute(nights, with_connection)
    with pytest.raises(GateFailedError, match="items_are_labeled"):
        nights.run("quality")


def test_gate_is_closed_again_once_the_stage_has_completed(nights: Nights, unfinished: UnfinishedLabeler) -> None:
    unfinished.limits = {"topics": 7}
    nights.run(*NIGHT)
    assert nights.run("quality")["quality"].rows_out > 0
    unfinished.limits = {}
    nights.run("topics")
    _execute(nights, "delete from topic_labels where content_hash in (select content_hash from topic_labels limit 5)")
    with pytest.raises(GateFailedError, match="items_are_labeled"):
        nights.run("quality")


def _execute(nights: Nights, statement: str) -> None:
    import duckdb

    from warehouse.connection import DATABASE

    with duckdb.connect(str(nights.folder / DATABASE)) as connection:
        connection.execute(statement)
