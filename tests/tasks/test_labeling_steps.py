"""enrich, topics, similar and judge: what is due is asked once, and a failure is a row."""

from __future__ import annotations

from typing import Any

import pytest

from flows.settings import Settings
from tasks.contracts.errors import StepError
from tasks.labelers.protocol import Task
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin
from warehouse.landing import Landing

TASKS: tuple[Task, ...] = ("enrich", "topics", "similar", "judge")
TABLES = {"enrich": "enrichments", "topics": "topic_labels", "similar": "similarity_labels", "judge": "judge_labels"}
NIGHT = ("ingest", "embed", *TASKS)


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """With two pairs of near items, so that there is something to verify."""
    for item, copy in (("i00", "i28"), ("i01", "i29")):
        catalog.items[copy] = {**catalog.items[item], "id": copy, "title": f"{catalog.items[item]['title']} again"}
    return catalog


def dead(nights: Nights) -> list[tuple[Any, ...]]:
    return nights.rows("select task, question_key, reason, raw_reply, attempts from dead_letters order by all")


def test_second_night_asks_nothing(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    assert set(labeler.take()) == set(TASKS)
    reports = nights.run(*NIGHT)
    assert labeler.take() == {}
    assert [(reports[task].rows_in, reports[task].requests) for task in TASKS] == [(0, 0)] * 4


@pytest.mark.parametrize("task", TASKS)
def test_each_question_is_asked_once_and_answered_by_a_row(
    nights: Nights, labeler: ScriptedLabeler, task: Task
) -> None:
    report = nights.run(*NIGHT)[task]
    asked = labeler.take()[task]
    assert len(asked) == len(set(asked)) == report.rows_in == report.rows_out > 0
    assert nights.value(f"select count(*) from {TABLES[task]}") == len(asked)
    assert (report.requests, report.tokens_in, report.tokens_out) == (len(asked), 10 * len(asked), 2 * len(asked))
    assert report.cost_usd == pytest.approx(0.5 * len(asked))


@pytest.mark.parametrize("task", TASKS)
def test_row_says_who_answered_and_what_it_cost(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, task: Task
) -> None:
    begin(*NIGHT)
    provenance = nights.rows(
        f"select distinct labeler, fingerprint, run_id, requests, tokens_in, cost_usd from {TABLES[task]}"
    )
    assert provenance == [("scripted", f"scripted-{task}-1", "r001", 1, 10, 0.5)]


@pytest.mark.parametrize("task", TASKS)
def test_failure_becomes_a_dead_letter_and_no_label(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, task: Task
) -> None:
    begin(*NIGHT[: NIGHT.index(task)])
    victim = "i00" if task != "judge" else "u00"
    labeler.broken = {_hash_of(nights, victim)}
    report = nights.run(task)[task]
    broken = [key for key in labeler.take()[task] if _hash_of(nights, victim) in key]
    assert len(broken) >= 1
    assert dead(nights) == sorted((task, key, "invalid_reply: no JSON", "Sure! Here", 3) for key in broken)
    assert report.dropped == {"dead letter: invalid_reply": len(broken)}
    assert report.rows_out == report.rows_in - len(broken) == nights.value(f"select count(*) from {TABLES[task]}")


@pytest.mark.parametrize("task", TASKS)
def test_dead_letter_is_tried_again_and_removed_on_success(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, task: Task
) -> None:
    begin(*NIGHT[: NIGHT.index(task)])
    labeler.broken = {_hash_of(nights, "i00" if task != "judge" else "u00")}
    nights.run(task)
    letters = [key for _, key, *_ in dead(nights)]
    labeler.take()
    nights.run(task)
    assert labeler.take() == {task: letters}
    assert [key for _, key, *_ in dead(nights)] == letters
    labeler.broken = set()
    nights.run(task)
    assert labeler.take() == {task: letters}
    assert dead(nights) == []


@pytest.mark.parametrize("task", TASKS)
def test_strict_run_fails_on_a_dead_letter_and_keeps_the_labels(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, task: Task
) -> None:
    begin(*NIGHT[: NIGHT.index(task)])
    labeler.broken = {_hash_of(nights, "i00" if task != "judge" else "u00")}
    with pytest.raises(StepError, match=f"questions of task '{task}' ended as dead letters; see `nightjar status`"):
        nights.run(task, is_strict=True)
    assert len(dead(nights)) >= 1
    assert nights.value(f"select count(*) from {TABLES[task]}") > 0


@pytest.mark.parametrize("task", TASKS)
def test_labeler_that_breaks_down_loses_no_label(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, task: Task
) -> None:
    begin(*NIGHT[: NIGHT.index(task)])
    labeler.dies_after = 1
    with pytest.raises(ConnectionError, match="the endpoint went away"):
        nights.run(task)
    first = labeler.take()[task]
    assert nights.value(f"select count(*) from {TABLES[task]}") == len(first) == 1
    labeler.dies_after = None
    nights.run(task)
    assert first[0] not in labeler.take()[task]


@pytest.mark.parametrize("task", TASKS)
def test_another_prompt_makes_its_labels_due_again_and_keeps_the_old(
    nights: Nights, labeler: ScriptedLabeler, task: Task
) -> None:
    nights.run(*NIGHT)
    asked = labeler.take()[task]
    labeler.version = "2"
    nights.run(task)
    assert labeler.take() == {task: asked}
    assert nights.rows(f"select fingerprint, count(*) from {TABLES[task]} group by all order by all") == [
        (f"scripted-{task}-1", len(asked)),
        (f"scripted-{task}-2", len(asked)),
    ]


def test_changed_and_new_items_alone_are_due(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    labeler.take()
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "text": "Nothing like what was there before, at all."}
    del catalog.items["i05"]
    nights.run(*NIGHT)
    asked = labeler.take()
    due = {_hash_of(nights, "i03"), _hash_of(nights, "i30")}
    assert set(asked["enrich"]) == set(asked["topics"]) == due
    assert {content for _, content in (key.split("|") for key in asked["judge"])} <= due
    assert all(due & set(key.split("|")) for key in asked.get("similar", []))


def test_byte_identical_items_share_one_label(nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30"}
    nights.run(*NIGHT)
    asked = labeler.take()
    assert len(asked["topics"]) == len(asked["enrich"]) == 30
    for view in ("current_topic_labels", "current_enrichments"):
        assert nights.value(f"select count(*) from {view} where item_id in ('i04', 'i30')") == 2


def _hash_of(nights: Nights, key: str) -> str:
    """The content hash of an item, the profile hash of a user."""
    if key.startswith("u"):
        return str(nights.value(f"select profile_hash from users where user_id = '{key}'"))
    return str(nights.value(f"select content_hash from items where item_id = '{key}'"))


@pytest.mark.parametrize("labeler", ["embedded", "fake"])
def test_work_lists_that_bring_vectors_get_the_memory_for_them(
    labeler: str, nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded labeler's do, and those about users, whose histories have vectors, whoever is asked."""
    seen: dict[str, bool] = {}

    class Watched(Landing):
        def __init__(self, *args: Any, task: str, with_vectors: bool, **more: Any) -> None:
            seen[task] = with_vectors
            super().__init__(*args, task=task, with_vectors=with_vectors, **more)

    monkeypatch.setattr("tasks.labeling.land.Landing", Watched)
    if labeler == "fake":
        nights.changes = {"endpoints": {"fake": Settings().read_endpoints()["fake"]}, "endpoint": "fake"}
    catalog.more = "[candidates.sources]\nrewritten_query = 1.0\npopularity = 1.0\n"
    nights.run("ingest", "embed", "enrich", "topics", "similar", "judge", "rewrite")
    of_texts = labeler == "embedded"
    assert seen == {"enrich": of_texts, "topics": of_texts, "similar": of_texts, "judge": True, "rewrite": True}
