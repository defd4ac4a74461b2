"""rewrite: a night asks once, what changes is due, and no evaluation meets what it asks for."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import ConfigError, MissingInputError
from tasks.loading.history import make_history
from tasks.loading.queries import load_user_queries, make_user_questions
from tasks.retrieval.user_shard import UserQueries
from tasks.rewrite import plan_rewrite
from tests.fake_embedder import HashingEmbedder
from tests.llm.fake_server import FakeServer
from tests.llm_script import answer_all, task_of
from tests.night import Nights, SmallCatalog, with_key
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin, UnfinishedLabeler
from warehouse.connection import Warehouse, open_warehouse
from warehouse.vectors import read_vectors

WANTED = "[candidates.sources]\nrewritten_query = 1.0\npopularity = 1.0\n[rewrite]\nlabeler = 'embedded'\n"
ONE = "2026-10-20T09:00:00Z"


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """With the source that wants rewritten queries, and all reading done by people whom a fold tests."""
    catalog.more = WANTED
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    return catalog


def load(nights: Nights, *user_ids: str, fold: int | None = None) -> UserQueries | None:
    context = nights.context()
    with open_warehouse(nights.folder) as warehouse:
        make_history(warehouse, context)
        return load_user_queries(warehouse, context, user_ids, fold=fold)


def titles(catalog: SmallCatalog, user: str) -> list[str]:
    """What the user read, newest first."""
    events = sorted((event for event in catalog.events if event["user"] == user), key=lambda event: event["at"])
    return [catalog.items[event["item"]]["title"] for event in reversed(events)]


def test_a_night_asks_each_question_once_and_the_next_asks_nothing(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    report = nights.run("ingest", "embed", "rewrite")["rewrite"]
    # Every reader has held-out pairs among the last ten, and so two questions.
    assert (report.rows_in, report.rows_out, len(set(labeler.take()["rewrite"]))) == (40, 40, 40)
    assert (report.requests, report.tokens_in, report.cost_usd) == (40, 400, 20.0)
    assert nights.rows("select distinct labeler, fingerprint from user_queries") == [("scripted", "scripted-rewrite-1")]
    again = nights.run("ingest", "embed", "rewrite")["rewrite"]
    assert (again.rows_in, labeler.take()) == (0, {})
    assert again.notes[-1] == "0 search texts embedded with hashing"
    labeler.version = "2"
    assert nights.run("rewrite")["rewrite"].rows_in == 40


def test_without_the_source_nobody_is_asked(nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    catalog.more = ""
    report = nights.run("ingest", "rewrite")["rewrite"]
    assert report.notes == ("no profile is rewritten, for 'rewritten_query' is not among candidates.sources",)
    assert (labeler.take(), plan_rewrite(nights.context()), load(nights, "u00")) == ({}, [], None)


def test_what_changes_is_due_and_nothing_else(nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "embed", "rewrite")
    labeler.take()
    catalog.events.append({"user": "u03", "item": "i29", "event": "like", "at": ONE})
    catalog.users["u04"]["interests"] = "space;comets"
    catalog.events.append({"user": "u05", "item": "i28", "event": "frown", "at": ONE})
    nights.run("ingest", "rewrite")
    asked = [labeler.texts[key] for key in labeler.take()["rewrite"]]
    assert {text.partition("\n")[0] for text in asked} == {"sport", "space"}
    # What u03 may be known by without the new like is what they were known by in full the night before: it is paid for.
    assert len(asked) == 3
    assert sum(catalog.items["i29"]["title"] in text for text in asked) == 1


def test_held_out_titles_are_in_no_question_that_learning_and_evaluation_use(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.relevance = "grades = { like = 3, view = 1 }\nholdout_share = 0.25\nholdout_order = 'random'\nfolds = 2"
    nights.run("ingest", "embed", "rewrite")
    with open_warehouse(nights.folder) as warehouse:
        make_history(warehouse, nights.context())
        held = warehouse.connection.sql(
            "select user_id, title from pair_history join items using (item_id) where fold is not null"
        ).fetchall()
        serving, learning = (
            dict(warehouse.connection.sql(
                f"select user_id, question_key from ({_questions(warehouse, nights)}) where is_holdout = {kind}"
            ).fetchall())
            for kind in (False, True)
        )  # fmt: skip
    assert len(held) == 40
    assert set(serving) == set(learning) == set(catalog.users)
    for user, title in held:
        assert title in labeler.texts[serving[user]]
        assert title not in labeler.texts[learning[user]]


def _questions(warehouse: Warehouse, nights: Nights) -> str:
    everyone = [f"u{n:02d}" for n in range(20)]
    make_user_questions(warehouse, nights.context(), user_ids=None, holdout_ids=everyone)
    return "from user_questions"


def test_loader_gives_each_fold_what_its_question_said(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler, embedder: HashingEmbedder
) -> None:
    nights.run("ingest", "embed", "rewrite")
    newest, *older = titles(catalog, "u03")
    interests = catalog.users["u03"]["interests"].split(";")
    known = {None: [*interests, newest, *older], 0: [*interests, *older]}
    for fold, texts in known.items():
        # In another order than the users' ids, and with one of whom nothing is known.
        found = load(nights, "u07", "nobody", "u03", fold=fold)
        assert found is not None
        assert found.users.tolist() == [0, 0, 0, 2, 2, 2]
        assert found.is_avoided.tolist() == [False, False, True] * 2
        expected = embedder.encode([*sorted([", ".join(texts), "to be told"]), "gossip"])
        assert np.allclose(found.vectors[3:], expected, atol=1e-6)


def test_history_depth_bounds_what_is_shown_and_makes_other_questions(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.more = WANTED + "history_items = 0"
    nights.run("ingest", "embed", "rewrite")
    asked = labeler.take()["rewrite"]
    assert len(asked) == 20
    assert not [key for key in asked if any(item["title"] in labeler.texts[key] for item in catalog.items.values())]
    catalog.more = WANTED + "history_items = 2"
    assert nights.run("rewrite")["rewrite"].rows_in == 40


def test_user_without_profile_and_history_is_not_asked(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.users["u90"] = {"id": "u90", "interests": "", "summary": ""}
    catalog.users["u91"] = {"id": "u91", "interests": "", "summary": ""}
    catalog.events.append({"user": "u91", "item": "i02", "event": "like", "at": ONE})
    nights.run("ingest", "embed", "rewrite")
    assert len(labeler.take()["rewrite"]) == 41
    assert load(nights, "u90") is None
    assert load(nights, "u91") is not None


def test_onboarding_answers_are_interests_or_liked_items_but_no_held_out_ones(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    newest, *_ = titles(catalog, "u03")
    catalog.users["u90"] = {"id": "u90", "interests": "", "summary": ""}
    nights.run("ingest", "embed")
    held_out = nights.value(f"select item_id from items where title = '{newest}'")
    with open_warehouse(nights.folder) as warehouse:
        update = "update users set onboarding = $answers where user_id = $user"
        warehouse.connection.execute(update, {"answers": [held_out, "opera"], "user": "u03"})
        warehouse.connection.execute(update, {"answers": ["i05"], "user": "u90"})
    nights.run("rewrite")
    asked = [labeler.texts[key] for key in labeler.take()["rewrite"]]
    assert catalog.items["i05"]["title"] in asked
    of_user = [text.splitlines() for text in asked if "opera" in text]
    assert sorted((newest in lines, held_out in lines, len(lines)) for lines in of_user) == [
        (False, False, 9), (True, False, 10),
    ]  # fmt: skip


def test_dead_letter_is_asked_again_and_forgotten_with_its_question(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    nights.run("ingest", "embed")
    labeler.broken = {""}
    report = nights.run("rewrite")["rewrite"]
    assert (report.rows_out, dict(report.dropped)) == (0, {"dead letter: invalid_reply": 40})
    catalog.events.append({"user": "u03", "item": "i29", "event": "like", "at": ONE})
    labeler.broken = {labeler.asked["rewrite"][0]}
    nights.run("ingest", "rewrite")
    assert nights.value("select count(*) from dead_letters") <= 1
    labeler.broken = set()
    nights.run("rewrite")
    assert nights.value("select count(*) from dead_letters") == 0


def test_budget_leaves_the_rest_due_and_what_was_answered_is_embedded(
    nights: Nights, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    unfinished.limits = {"rewrite": 3}
    report = nights.run("ingest", "embed", "rewrite")["rewrite"]
    assert (report.is_partial, report.rows_out, report.n_due) == (True, 3, 37)
    assert report.notes[-1] == "5 search texts embedded with hashing"
    unfinished.limits = {}
    assert nights.run("rewrite")["rewrite"].rows_in == 37


def test_embedded_labeler_finds_items_by_what_users_say(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "embed")
    assert [line.rows_due for line in plan_rewrite(nights.context())] == [40]
    report = nights.run("rewrite")["rewrite"]
    assert (report.rows_out, report.requests) == (40, 0)
    assert [line.rows_due for line in plan_rewrite(nights.context())] == [0]
    users = sorted(catalog.users)
    found = load(nights, *users)
    assert found is not None
    assert found.users.tolist() == sorted([*range(20)] * 3)
    with open_warehouse(nights.folder) as warehouse:
        items, vectors = read_vectors(warehouse, "queries/index_vectors", catalog="news")
    topics = np.array([int(item[1:]) % 3 for item in items["item_id"]])
    nearest = topics[np.argsort(-(found.vectors @ vectors.T), axis=1)[:, :3]]
    assert np.mean(nearest == (found.users % 3)[:, None]) > 0.6


def test_source_without_the_stage_says_what_to_run(nights: Nights, begin: Begin) -> None:
    begin("ingest", "embed")
    with pytest.raises(MissingInputError, match="run `nightjar rewrite` first"):
        load(nights, "u00")


def test_texts_of_another_model_are_not_compared_with_items(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "embed", "rewrite")
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("update active_fingerprints set labeler = 'other' where task = 'embed_items'")
    assert load(nights, "u00") is None


def test_model_is_asked_by_the_sections_own_labeler_within_its_budget(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = WANTED.replace("'embedded'", "'openai'") + "[budget.rewrite]\nmax_requests = 2\n"
    with FakeServer(answer_all) as server:
        nights.changes = {"endpoints": with_key(server.url, max_in_flight=1)}
        catalog.head = "[labelers]\nenrich = 'embedded'"
        nights.run("ingest", "embed")
        [line] = plan_rewrite(nights.context())
        report = nights.run("rewrite")["rewrite"]
        sent = [request.user for request in server.requests]
        assert {task_of(request) for request in server.requests} == {"rewrite"}
    assert (line.labeler, line.rows_due, line.requests) == ("openai:fake-model", 40, 8)
    assert line.prompt.startswith("You turn what is known of a person into search texts")
    assert (report.requests, report.is_partial) == (2, True)
    assert report.n_due == 40 - report.rows_out
    assert "u00" not in "".join(sent).replace("Reader u00", "")
    assert nights.value("select count(*) from prompt_versions where task = 'rewrite'") == 1


def test_unknown_endpoint_is_named_with_its_key(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = WANTED.replace("'embedded'", "'openai:lost'")
    with pytest.raises(
        ConfigError, match=r"asks for rewrite\.labeler = 'openai:lost', but the settings know no endpoint"
    ):
        nights.run("ingest", "rewrite")
