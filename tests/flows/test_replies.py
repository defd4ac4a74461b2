"""nightjar llm: stored replies are counted and forgotten on purpose only; batches are listed."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Nightjar
from tests.night import Nights


@pytest.fixture
def nights(nights: Nights) -> Nights:
    """The fake provider answers."""
    from flows.settings import Settings

    nights.changes = {"endpoints": Settings().read_endpoints(), "endpoint": "fake"}
    return nights


def test_nothing_stored_is_said(nightjar: Nightjar) -> None:
    assert nightjar("llm", "cache", "stats").out == "no reply is stored yet\n"
    assert nightjar("llm", "batches").out == "no batch is known\n"


def test_replies_are_counted_by_task_and_model(nightjar: Nightjar, nights: Nights) -> None:
    nights.run("ingest", "enrich", "topics")
    shown = " ".join(nightjar("llm", "cache", "stats").out.split())
    assert "│ enrich │ fake │ 30 │" in shown
    assert "│ topics │ fake │ 30 │" in shown
    assert "in all 60 replies" in shown


def test_pruned_replies_are_paid_for_again_and_others_are_not(nightjar: Nightjar, nights: Nights) -> None:
    nights.run("ingest", "enrich", "topics")
    dry = nightjar("llm", "cache", "prune", "--task", "topics", "--dry-run")
    assert dry.out == "30 replies would be forgotten\n"
    assert nightjar("llm", "cache", "prune", "--task", "topics", "--model", "other").out == "0 replies were forgotten\n"
    assert nightjar("llm", "cache", "prune", "--older-than", "1").out == "0 replies were forgotten\n"
    assert nightjar("llm", "cache", "prune", "--task", "topics").out == "30 replies were forgotten\n"
    shown = nightjar("llm", "cache", "stats").out
    assert "topics" not in shown
    assert "enrich" in shown


def test_prune_without_a_filter_says_which_to_give(nightjar: Nightjar, nights: Nights) -> None:
    nights.run("ingest", "topics")
    refused = nightjar("llm", "cache", "prune")
    assert refused.code == 2
    assert "give --older-than DAYS, --model or --task" in refused.err
    assert "in all 30 replies" in nightjar("llm", "cache", "stats").out
