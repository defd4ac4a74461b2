"""The openai labeler through the stages, against a server on this machine: paid once, and never again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tasks.contracts.errors import ConfigError, LabelerError
from tasks.plan import copy_warehouse
from tasks.topics import plan_topics
from tests.llm.fake_server import Answer, FakeServer, Request, completion, error
from tests.llm_script import answer_all, task_of
from tests.night import Nights, SmallCatalog, with_key
from warehouse.connection import open_warehouse
from warehouse.replies import open_replies

TASKS = ("enrich", "topics", "similar", "judge")
NIGHT = ("ingest", "enrich", "embed", "topics", "similar", "judge")
TABLES = ("current_enrichments", "current_topic_labels", "current_similarity_labels", "current_judge_labels")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(answer_all) as running:
        yield running


@pytest.fixture
def nights(nights: Nights, catalog: SmallCatalog, server: FakeServer) -> Nights:
    """A key is set, and there is a pair of near items to verify."""
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "title": "Again"}
    nights.changes = {"endpoints": with_key(server.url)}
    return nights


def test_model_labels_the_whole_catalog_and_the_second_night_asks_nothing(nights: Nights, server: FakeServer) -> None:
    reports = nights.run()
    asked = Counter(task_of(request) for request in server.requests)
    assert set(asked) == set(TASKS)
    assert {task: reports[task].requests for task in TASKS} == asked
    assert all(nights.column(f"select distinct labeler from {table}") == ["openai:fake-model"] for table in TABLES)
    assert nights.published("item_topics").height == 31
    server.requests.clear()
    again = nights.run()
    assert server.requests == []
    assert [(again[task].rows_in, again[task].requests, again[task].cost_usd) for task in TASKS] == [(0, 0, 0.0)] * 4


def test_report_adds_up_what_the_server_says(nights: Nights, server: FakeServer) -> None:
    report = nights.run("ingest", "topics")["topics"]
    # The server states 100 tokens in and 10 out a reply; a million cost 1 and 2 dollars.
    assert (report.tokens_in, report.tokens_out) == (100 * len(server.requests), 10 * len(server.requests))
    assert report.cost_usd == pytest.approx(len(server.requests) * (100 * 1.0 + 10 * 2.0) / 1e6)
    assert nights.value("select sum(requests) from topic_labels") == len(server.requests) == 7


def test_paid_reply_is_stored_and_used_again_when_its_label_is_lost(nights: Nights, server: FakeServer) -> None:
    nights.run("ingest", "topics")
    with open_replies(nights.folder) as replies:
        assert replies.stats()["replies"].to_list() == [31]
    server.requests.clear()
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("delete from topic_labels")
    report = nights.run("topics")["topics"]
    assert (report.rows_out, report.requests, server.requests) == (31, 0, [])


def test_changed_item_alone_is_asked_again(nights: Nights, catalog: SmallCatalog, server: FakeServer) -> None:
    nights.run("ingest", "topics")
    server.requests.clear()
    catalog.items["i03"]["text"] = "Something else entirely has happened since."
    assert nights.run("ingest", "topics")["topics"].rows_in == 1
    [request] = server.requests
    assert len(request.fenced) == 1
    assert "Something else entirely" in request.fenced[0]


def test_reply_that_can_not_be_read_becomes_a_dead_letter_with_its_text(nights: Nights, server: FakeServer) -> None:
    def refuse_one(request: Request) -> Answer:
        return completion("I would rather not.") if "i07" in request.user else answer_all(request)

    server.script = refuse_one
    report = nights.run("ingest", "topics")["topics"]
    letters = nights.rows("select question_key, raw_reply from dead_letters")
    broken = nights.column("select content_hash from items where item_id = 'i07'")
    assert letters == [(broken[0], "I would rather not.")]
    assert report.rows_out == 30
    server.script = answer_all
    assert nights.run("topics")["topics"].rows_out == 1
    assert nights.rows("from dead_letters") == []


def test_wrong_key_stops_the_stage_and_keeps_what_was_labeled(nights: Nights, server: FakeServer) -> None:
    def expire(request: Request) -> Answer:
        return answer_all(request) if request.n <= 2 else error(401, "Incorrect API key", code="invalid_api_key")

    nights.changes = {"endpoints": with_key(server.url, max_in_flight=1)}
    server.script = expire
    with pytest.raises(LabelerError, match="OPENAI_API_KEY"):
        nights.run("ingest", "topics")
    assert nights.value("select count(*) from topic_labels") == 10
    server.script = answer_all
    assert nights.run("topics")["topics"].rows_in == 21


def test_key_decides_who_answers_unless_the_catalog_says(
    nights: Nights, catalog: SmallCatalog, server: FakeServer
) -> None:
    catalog.more = '[labelers]\ntopics = "embedded"'
    nights.run("ingest", "enrich", "embed", "topics")
    assert nights.column("select distinct labeler from current_topic_labels") == ["embedded:hashing"]
    assert nights.column("select distinct labeler from current_enrichments") == ["openai:fake-model"]
    catalog.more = '[labelers]\ntopics = "openai"'
    nights.changes = {}
    with pytest.raises(
        ConfigError, match="labelers.topics = 'openai', but OPENAI_API_KEY is not set; set it, or choose"
    ):
        nights.run("ingest", "topics")


def test_budget_ends_the_asking_and_the_next_night_goes_on(
    nights: Nights, catalog: SmallCatalog, server: FakeServer
) -> None:
    nights.changes = {"endpoints": with_key(server.url, max_in_flight=1)}
    catalog.more = "[budget]\nmax_requests = 2"
    report = nights.run("ingest", "topics")["topics"]
    assert report.requests == 2
    assert report.is_partial
    assert any(note.startswith("the budget is reached: 2 requests") for note in report.notes)
    first = report.rows_out
    assert report.n_due == 31 - first > 0
    catalog.more = ""
    assert nights.run("ingest", "topics")["topics"].rows_in == 31 - first


def test_budget_does_not_hold_back_a_labeler_that_costs_nothing(nights: Nights, catalog: SmallCatalog) -> None:
    nights.changes = {}
    catalog.more = "[budget]\nmax_requests = 1\nmax_cost_usd = 0.01"
    assert nights.run("ingest", "enrich")["enrich"].rows_out == 31


def test_no_id_of_a_user_or_an_item_and_no_address_leaves(
    nights: Nights, catalog: SmallCatalog, server: FakeServer
) -> None:
    catalog.users = {
        f"patron-77{n}": {"id": f"patron-77{n}", "interests": "sport;goal", "summary": f"Write to me{n}@home.example."}
        for n in range(6)
    }
    catalog.items = {
        f"article-88{n}": {
            "id": f"article-88{n}",
            "title": f"Goal number {n}",
            "text": "A match. Call +44 20 7946 0958.",
            "published_at": "2026-10-01",
        }
        for n in range(8)
    }
    catalog.events = [{"user": "patron-771", "item": "article-881", "event": "like", "at": "2026-10-02T00:00:00Z"}]
    nights.run(*NIGHT)
    assert {task_of(request) for request in server.requests} == {"enrich", "topics", "similar", "judge"}
    sent = "\n".join(str(request.body) for request in server.requests)
    assert "Goal number 3" in sent
    assert "[email]" in sent
    assert "[phone]" in sent
    for private in ("patron-77", "article-88", "home.example", "7946"):
        assert private not in sent


def test_a_profile_is_sent_for_judging_alone(nights: Nights, server: FakeServer) -> None:
    nights.run(*NIGHT)
    with_profile = {task_of(request) for request in server.requests if "Reader u0" in request.user}
    assert with_profile == {"judge"}


def test_a_plan_knows_what_is_stored(nights: Nights, server: FakeServer) -> None:
    nights.run("ingest", "topics")
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("delete from topic_labels")
    with copy_warehouse(nights.folder) as copy:
        (line,) = plan_topics(nights.context(folder=copy))
    assert (line.requests, line.cost_usd) == (0, 0.0)
    assert "31" in line.note
    with open_replies(nights.folder) as replies:
        assert replies.stats()["replies"].to_list() == [31]
