"""The run in words: what changed, what needs a look, and why nothing was published."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from tasks.run_report.facts import DeadLetter, Gate, Ingested, ListDrift, PastRun, RunFacts, StageRun
from tasks.run_report.measured import CatalogMetrics, Measure, Ranker, TaskLabels
from tasks.run_report.verdict import judge_run

NOW = datetime(2026, 11, 2, 3)
RUN = PastRun("r2", date(2026, 11, 1), "completed", NOW, 100.0, cost_usd=1.0, publication_id="p2", catalogs=("news",))
BEFORE = replace(RUN, run_id="r1", publication_id="p1")
ITEMS = Ingested("news", "items", 100, 97, 2, 1, n_new=5, n_changed=1, n_gone=7)
GATE = Gate("news", "labels", "labels_are_stable", "", "warning", False, "a", "b", 1, (), "look")


def facts(**changes: object) -> RunFacts:
    values = {"run": RUN, "past": (BEFORE, RUN), "made_at": NOW, "ingested": (ITEMS,), "last_publication": "p1"}
    return RunFacts(**{**values, **changes})  # type: ignore[arg-type]


def texts(made: RunFacts) -> list[str]:
    return [look.text for look in judge_run(made).looks]


def test_quiet_night_is_told_in_a_sentence() -> None:
    verdict = judge_run(facts())
    assert verdict.sentence == (
        "The run went through; its lists are published: 5 new items, 1 changed, 7 gone. Nothing needs a look."
    )
    assert verdict.changes == ("news: 5 new items, 1 changed, 7 gone",)
    assert verdict.unpublished == ""


def test_nothing_new_is_said() -> None:
    same = replace(ITEMS, n_new=0, n_changed=0, n_gone=0)
    assert "its lists are published: no item has changed." in judge_run(facts(ingested=(same,))).sentence


@pytest.mark.parametrize(
    ("status", "begins", "why"),
    [
        ("failed", "The run failed in judge; nothing was published.", "it failed; the publication p1 stands"),
        ("gated", "A gate stopped the run in judge; nothing", "a gate was closed; the publication p1 stands"),
        ("interrupted", "The run was stopped before its end; nothing", "it was stopped; the publication p1 stands"),
        ("running", "The run is still at work, or its process died; nothing", "it has not ended;"),
        ("completed", "The run went through; nothing was published.", "it did not go as far as publish; the"),
        ("unheard", "The run is unheard; nothing was published.", "it did not go as far as publish; the"),
    ],
)
def test_run_without_publication_says_why(status: str, begins: str, why: str) -> None:
    stopped = replace(RUN, status=status, publication_id="", message="")
    stage = StageRun("judge", "news", "failed", 0.0, 1.0, 0, 0)
    verdict = judge_run(facts(run=stopped, past=(BEFORE, stopped), stages=(stage,)))
    assert verdict.sentence.startswith(begins)
    assert verdict.unpublished.startswith(why)


def test_message_of_a_failed_run_comes_first_and_is_serious() -> None:
    stopped = replace(RUN, status="failed", publication_id="", message="StepError: disk full")
    look = judge_run(facts(run=stopped, gates=(GATE,))).looks[0]
    assert (look.text, look.is_serious, look.section) == ("StepError: disk full", True, "timeline")


def test_closed_gates_are_serious_and_warnings_are_not() -> None:
    verdict = judge_run(facts(gates=(replace(GATE, severity="critical"), GATE, replace(GATE, is_success=True))))
    assert [look.is_serious for look in verdict.looks] == [True, False]
    assert verdict.sentence.endswith("1 thing is serious, and 1 more needs a look.")


def test_what_lost_rows_answers_or_quality_needs_a_look() -> None:
    def ranked(value: float, low: float, high: float) -> Measure:
        return Measure("ndcg", "ndcg", value, low, high, 50)

    metrics = CatalogMetrics(
        "news",
        "r2",
        50,
        (Ranker("lambdamart", {"ndcg": ranked(0.3, 0.2, 0.4)}),),
        {"lambdamart": ranked(0.6, 0.5, 0.7)},
        (),
    )
    found = texts(
        facts(
            ingested=(replace(ITEMS, n_quarantined=40),),
            dead=(DeadLetter("news", "judge", "refused", 9, 2),),
            stages=(StageRun("judge", "news", "partial", 0.0, 1.0, 5, 3),),
            labels=(TaskLabels("news", "topics", "r2", "r1", (), 0, 0.3, ()),),
            lists=(ListDrift("news", "r1", 10, 0.1, (0, 0, 0), (0, 0, 0)),),
            metrics=(metrics,),
        )
    )
    words = [
        "before all its questions",
        "2 questions asked",
        "40% of the items",
        "0.30",
        "only 10%",
        "0.600 of the run before",
    ]
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


def test_shift_that_a_gate_told_is_not_told_twice() -> None:
    labels = (TaskLabels("news", "topics", "r2", "r1", (), 0, 0.3, ()),)
    assert texts(facts(labels=labels, gates=(GATE,))) == ["gate labels_are_stable of news: a; expected b"]


def test_effort_is_held_against_the_last_run_that_went_through() -> None:
    failed = replace(BEFORE, run_id="r0", status="failed", seconds=3.0, cost_usd=0.01)
    dear = replace(RUN, seconds=400.0, cost_usd=2.5)
    stages = (StageRun("train", "news", "completed", 0.0, 300.0, 1, 1),)
    found = texts(facts(run=dear, past=(BEFORE, failed, dear), stages=stages))
    assert found == [
        "the run cost $2.5000, the one before $1.0000",
        "the run took 400 s, the one before 100 s; longest was train",
    ]
