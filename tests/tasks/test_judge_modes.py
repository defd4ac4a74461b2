"""Judging by comparison through the step: orders are paid once, survive a crash, and become grades for nothing."""

from __future__ import annotations

from collections import Counter

import duckdb
import pytest

from flows.settings import Settings
from tasks.contracts.errors import StepError
from tasks.judge import plan_judge
from tasks.labeling.ranked import N_ANCHORS
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin, UnfinishedLabeler
from warehouse.connection import DATABASE

NIGHT = ("ingest", "embed", "judge")
MODES = ("pairwise", "listwise")


@pytest.fixture(params=MODES)
def catalog(catalog: SmallCatalog, request: pytest.FixtureRequest) -> SmallCatalog:
    catalog.judge += f'\nmode = "{request.param}"\nwindow = 4\nrounds = 3'
    return catalog


def grades(nights: Nights) -> list[tuple[object, ...]]:
    return nights.rows("select user_id, item_id, relevance, confidence, reason from current_judge_labels order by all")


def test_every_drawn_pair_gets_a_grade_from_orders_and_anchors(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    report = nights.run(*NIGHT)["judge"]
    asked = labeler.take()
    assert set(asked) == {"rank", "judge"}
    assert nights.value("select count(*) from judge_rankings") == len(asked["rank"]) == len(set(asked["rank"]))
    assert len(grades(nights)) == nights.value("select count(*) from judge_samples")
    anchors = Counter(key.split("|")[0] for key in asked["judge"])
    assert set(anchors.values()) == {N_ANCHORS}
    assert report.rows_in == len(asked["rank"]) + len(asked["judge"]) == report.requests
    assert any(note.startswith("order bias +0.000") for note in report.notes)
    if "pairwise" in catalog.judge:
        assert {len(key.split("|")) for key in asked["rank"]} == {3}


def test_every_list_is_shown_both_ways_round(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    shown = {tuple(key.split("|")) for key in labeler.take()["rank"]}
    assert {(user, *items[::-1]) for user, *items in shown} == shown


def test_grades_follow_the_judges_own_grades(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    ordered = {(user, item): grade for user, item, grade, *_ in grades(nights)}
    nights.catalogs[0].judge += '\nmode = "grades"'
    nights.catalogs[0].judge = "\n".join(line for line in nights.catalogs[0].judge.splitlines() if 'wise"' not in line)
    nights.run("judge")
    by_itself = {(user, item): grade for user, item, grade, *_ in grades(nights)}
    assert by_itself.keys() == ordered.keys()
    off = [abs(by_itself[pair] - ordered[pair]) for pair in ordered]  # type: ignore[operator]
    assert sum(one <= 1 for one in off) / len(off) > 0.85
    assert sum(off) / len(off) < 0.6


def test_second_night_asks_and_writes_nothing(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    before = nights.table("judge_labels")
    labeler.take()
    report = nights.run(*NIGHT)["judge"]
    assert labeler.take() == {}
    assert (report.rows_in, report.requests) == (0, 0)
    assert nights.table("judge_labels") == before


def test_switching_modes_asks_no_pair_again_that_was_graded(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    graded = set(labeler.take()["judge"])
    nights.catalogs[0].judge = "pairs_per_user = 8\nevaluation_pairs_per_user = 12"
    nights.run("judge")
    drawn = set(nights.column("select profile_hash || '|' || content_hash from judge_samples"))
    assert set(labeler.take()["judge"]) == drawn - graded
    assert nights.value("select count(distinct design) from judge_samples") == 1


@pytest.mark.parametrize("dies_after", [5, "anchors"])
def test_crash_between_asking_and_grading_loses_nothing(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, dies_after: int | str
) -> None:
    begin("ingest", "embed")
    whole = Nights(nights.folder.parent / "whole", nights.catalogs)
    whole.run(*NIGHT)
    asked = labeler.take()
    labeler.dies_after = dies_after if isinstance(dies_after, int) else len(asked["rank"]) + 3
    with pytest.raises(ConnectionError, match="the endpoint went away"):
        nights.run("judge")
    first = labeler.take()
    assert nights.value("select count(*) from judge_rankings") == len(first["rank"])
    labeler.dies_after = None
    nights.run("judge")
    second = labeler.take()
    for task in ("rank", "judge"):
        assert Counter(first.get(task, []) + second.get(task, [])) == Counter(asked[task])  # type: ignore[call-overload]
    assert grades(nights) == grades(whole)


def test_budget_ends_the_asking_and_the_next_night_goes_on(nights: Nights, unfinished: UnfinishedLabeler) -> None:
    unfinished.limits = {"rank": 10}
    report = nights.run(*NIGHT)["judge"]
    first = unfinished.take()
    assert (report.is_partial, report.rows_out) == (True, 10)
    assert set(first) == {"rank"}
    assert grades(nights) == []
    assert nights.rows("from dead_letters") == []
    unfinished.limits = {}
    again = nights.run(*NIGHT)["judge"]
    assert not again.is_partial
    assert len(unfinished.take()["rank"]) == report.n_due
    assert len(grades(nights)) == nights.value("select count(*) from judge_samples")


def test_user_whose_lists_all_fail_is_graded_pair_by_pair(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin("ingest", "embed")
    user = nights.value("select profile_hash from users where user_id = 'u00'")
    broken = f"{user}|"
    reply = labeler._reply

    def fail_lists(task, key, answer, text=""):  # type: ignore[no-untyped-def]
        labeler.broken = {broken} if task == "rank" else set()
        return reply(task, key, answer, text)

    monkeypatch.setattr(labeler, "_reply", fail_lists)
    report = nights.run("judge")["judge"]
    drawn = nights.value(f"select count(*) from judge_samples where profile_hash = '{user}'")
    assert nights.value("select count(*) from current_judge_labels where user_id = 'u00'") == drawn
    assert nights.column("select distinct task from dead_letters") == ["rank"]
    assert report.dropped == {"dead letter: invalid_reply": nights.value("select count(*) from dead_letters")}


def test_pair_without_any_answer_is_a_dead_letter_until_there_is_one(
    nights: Nights, begin: Begin, labeler: ScriptedLabeler
) -> None:
    begin("ingest", "embed")
    user = nights.value("select profile_hash from users where user_id = 'u00'")
    labeler.broken = {user}
    nights.run("judge")
    drawn = nights.value(f"select count(*) from judge_samples where profile_hash = '{user}'")
    of_pairs = "select count(*) from dead_letters where task = 'judge' and reason like 'not_compared%'"
    assert nights.value(of_pairs) == drawn
    assert nights.value("select count(*) from current_judge_labels where user_id = 'u00'") == 0
    with pytest.raises(StepError, match="questions of task 'rank' ended as dead letters"):
        nights.run("judge", is_strict=True)
    labeler.broken = set()
    nights.run("judge")
    assert nights.rows("from dead_letters") == []
    assert nights.value("select count(*) from current_judge_labels where user_id = 'u00'") == drawn


def test_new_item_is_compared_and_no_order_is_asked_again(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    labeler.take()
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "text": "Nothing like what was there before."}
    nights.run(*NIGHT)
    new = nights.value("select content_hash from items where item_id = 'i30'")
    asked = labeler.take()
    assert all(new in key for key in asked["rank"])
    assert "judge" not in asked
    drawn = nights.value("select count(*) from judge_samples where item_id = 'i30'")
    assert nights.value("select count(*) from current_judge_labels where item_id = 'i30'") == drawn > 0


def test_gone_item_is_in_no_new_list(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    [drawn] = nights.column("select min(item_id) from judge_samples")
    gone = nights.value(f"select content_hash from items where item_id = '{drawn}'")
    del catalog.items[drawn]
    labeler.take()
    labeler.version = "2"
    nights.run(*NIGHT)
    asked = labeler.take()
    assert not any(gone in key for keys in asked.values() for key in keys)
    nights.run(*NIGHT)
    assert labeler.take() == {}


def test_bias_is_written_as_a_metric(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run(*NIGHT)
    metrics = {
        metric: (subject, value, low, high, n)
        for metric, subject, value, low, high, n in nights.rows(
            "select metric, subject, value, low, high, n from label_metrics where task = 'judge'"
        )
    }
    assert set(metrics) == {"order_bias", "order_consistency", "first_place", "anchor_agreement"}
    subject, value, low, high, n = metrics["order_bias"]
    assert (subject, value) == ("scripted", 0.0)
    assert low <= 0 <= high
    assert n == nights.value("select count(*) from judge_rankings") / 2
    assert metrics["order_consistency"][1] == 1.0


def test_plan_says_how_many_lists_are_due_and_asks_nothing(nights: Nights, begin: Begin) -> None:
    begin(*NIGHT)
    assert plan_judge(nights.context())[0].rows_due == 0
    n_orders = nights.value("select count(*) from judge_rankings")
    with duckdb.connect(str(nights.folder / DATABASE)) as connection:
        connection.execute("delete from judge_rankings")
    (line,) = plan_judge(nights.context())
    assert (line.stage, line.rows_due) == ("judge", n_orders)
    assert line.note == "lists to put in order; then up to 4 pairs a user are graded by themselves"
    assert nights.value("select count(*) from judge_rankings") == 0


def test_embedded_labeler_runs_every_mode_without_a_key(nights: Nights) -> None:
    report = nights.run("ingest", "enrich", "embed", "topics", "judge", "quality")["judge"]
    assert len(grades(nights)) == nights.value("select count(*) from judge_samples")
    assert nights.column("select distinct labeler from current_judge_labels") == ["embedded:hashing"]
    assert any("100.0% of pairs stand alike both times" in note for note in report.notes)


def test_model_behind_an_endpoint_is_asked_over_http_and_paid_once(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "fake")
    nights.changes = {"endpoints": Settings().read_endpoints(), "endpoint": "fake"}
    report = nights.run(*NIGHT)["judge"]
    n_lists, n_pairs = nights.rows(
        "select (select count(*) from judge_rankings), (select count(*) from judge_samples)"
    )[0]
    assert report.rows_in == report.rows_out > n_lists
    assert 0 < report.requests < report.rows_in
    assert len(grades(nights)) == n_pairs
    assert nights.column("select task from prompt_versions order by task") == ["judge", "rank"]
    assert nights.rows(
        "select task, labeler from active_fingerprints where task in ('judge', 'rank') order by task"
    ) == [
        ("judge", "openai:fake"),
        ("rank", "openai:fake"),
    ]
    again = nights.run(*NIGHT)["judge"]
    assert (again.rows_in, again.requests, again.cost_usd) == (0, 0, 0.0)
