"""A partial run at the command line: its summary, its exit code, and what is on record."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Nightjar
from tests.night import Nights, SmallCatalog
from tests.tasks.conftest import UnfinishedLabeler

pytestmark = pytest.mark.usefixtures("prefect_server", "embedder")


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """The scripted labeler sees sport everywhere, which its gate allows."""
    catalog.more = "[gates]\nmax_topic_share = 1.0"
    return catalog


def test_partial_run_publishes_and_exits_with_4(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    unfinished.limits = {"topics": 7, "judge": 20}
    ended = nightjar("run", "--catalog", catalog.save())
    assert ended.code == 4
    assert " is partial; seconds a stage:" in ended.out
    assert "partial: questions that stay due: news topics 23, news judge " in ended.out
    assert "published:" in ended.out
    [(status, message)] = nights.rows("select status, message from runs")
    assert (status, message) == ("partial", "stays due: news topics, news judge")
    assert nights.column("select stage from stage_runs where status = 'partial' order by started_at") == [
        "topics",
        "judge",
    ]
    assert nights.published("recommendations")["user_id"].n_unique() == 20
    assert "partial" in nightjar("status").out
    unfinished.limits = {}
    assert nightjar("run").code == 0
    assert nights.published("item_topics")["item_id"].n_unique() == 30


def test_partial_stage_alone_exits_with_4(
    nightjar: Nightjar, nights: Nights, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    unfinished.limits = {"topics": 7}
    assert nightjar("ingest", "--catalog", catalog.save()).code == 0
    ended = nightjar("label", "topics")
    assert ended.code == 4
    assert "partial: questions that stay due: news topics 23; the same command goes on from there" in ended.out
    unfinished.limits = {}
    assert nightjar("label", "topics").code == 0
