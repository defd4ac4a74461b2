"""explain: what a labeler says of the first of each list is served if it holds, and the template's reason if it doesn't."""

from __future__ import annotations

import re

import polars as pl
import pytest

from tasks.explain import NOBODY, UNGROUNDED, plan_explain
from tasks.labelers.protocol import ExplainQuestion, Explanation
from tests.llm.fake_server import FakeServer, Request, completion
from tests.night import Nights, SmallCatalog, with_key
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import UnfinishedLabeler
from tests.tasks.test_rerank import by

EXPLAIN = '[explain]\nlabeler = "embedded"\ntop = 2'
TEXTS = ("reason", "reason_content", "reason_popularity", "reason_diversity", "reason_time")


@pytest.fixture
def explained(finished: Nights, catalog: SmallCatalog) -> Nights:
    """A finished night of a catalog that asks for explanations."""
    catalog.more = EXPLAIN
    return finished


def served(nights: Nights) -> pl.DataFrame:
    return nights.output("recommendations").sort("user_id", "rank")


def test_without_a_labeler_the_templates_stand(finished: Nights, labeler: ScriptedLabeler) -> None:
    before = served(finished)
    assert finished.run("explain")["explain"].notes == (NOBODY,)
    assert labeler.asked == {}
    assert served(finished).equals(before)


def test_the_first_of_each_list_are_explained(explained: Nights, labeler: ScriptedLabeler) -> None:
    before = served(explained)
    report = explained.run("explain")["explain"]
    after = served(explained)
    first = pl.col("rank") <= 2
    assert (report.rows_in, report.dropped) == (40, {})
    assert "40 recommendations are explained by scripted" in report.notes
    told = after.filter(first)
    assert told["reason"].to_list() == [f'See for yourself: "{title}".' for title in told["title"]]
    assert set(told["reason_source"]) == {"scripted"}
    assert after.filter(~first).equals(before.filter(~first))
    assert after.drop(*TEXTS, "reason_source").equals(before.drop(*TEXTS, "reason_source"))
    # A field that the labeler leaves empty keeps the template's.
    assert told["reason_diversity"].equals(before.filter(first)["reason_diversity"])


def test_questions_carry_profile_history_item_and_facts(explained: Nights, labeler: ScriptedLabeler) -> None:
    seen: list[ExplainQuestion] = []

    def say(question: ExplainQuestion) -> Explanation:
        seen.append(question)
        return Explanation("For you.")

    labeler.say = say  # type: ignore[method-assign]
    templates = {row["title"]: row for row in served(explained).filter(pl.col("rank") == 1).to_dicts()}
    explained.run("explain")
    one = next(question for question in seen if question.item.title in templates)
    assert "follows" in one.user.summary
    assert one.user.history
    assert one.item.text
    assert one.facts["reason"]
    assert set(one.facts) <= {"reason", "content", "popularity", "diversity", "time"}


@pytest.mark.parametrize(
    "lie", ['Because you read "The Hobbit".', "As Gandalf says, a wizard is never late.", "Read by 3,000,000 others."]
)
def test_what_is_invented_is_replaced_and_counted(explained: Nights, labeler: ScriptedLabeler, lie: str) -> None:
    before = served(explained)
    [liar] = explained.column("select profile_hash from users where user_id = 'u05'")
    honest = labeler.say

    def say(question: ExplainQuestion) -> Explanation:
        return Explanation(lie) if question.user.key == liar else honest(question)

    labeler.say = say  # type: ignore[method-assign]
    report = explained.run("explain")["explain"]
    assert report.dropped == {UNGROUNDED: 2}
    assert "38 recommendations are explained by scripted" in report.notes
    after = served(explained)
    mine = pl.col("user_id") == "u05"
    assert after.filter(mine).equals(before.filter(mine))
    assert not after["reason"].str.contains(re.escape(lie)).any()
    # What was paid for is kept, with what is wrong with it, and not asked again.
    assert explained.value("select count(*) from explanations where len(ungrounded) > 0") == 2
    labeler.take()
    explained.run("explain")
    assert labeler.take() == {}


def test_explanations_are_paid_once_and_survive_other_stages(explained: Nights, labeler: ScriptedLabeler) -> None:
    explained.run("explain")
    labeler.take()
    told = served(explained)
    for stages in (("score",), ("rerank",), ("explain", "score"), ("score", "explain")):
        explained.run(*stages)
        assert labeler.take() == {}
        assert served(explained).equals(told)


def test_an_explanation_counts_no_more_when_its_facts_are_others(
    explained: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    explained.run("explain")
    labeler.take()
    # The verb stands in the facts of those whose reason is what they read.
    catalog.more = EXPLAIN + '\n[recommend]\nverb = "devoured"'
    explained.run("score")
    rows = served(explained).filter(pl.col("rank") <= 2)
    changed = rows.filter(pl.col("reason_source") == "template")
    assert changed.height > 0
    assert changed.select(pl.any_horizontal(pl.col(TEXTS).str.contains("devoured").fill_null(value=False)))[
        "reason"
    ].all()
    explained.run("explain")
    assert len(labeler.take()["explain"]) == changed.height
    assert set(served(explained).filter(pl.col("rank") <= 2)["reason_source"]) == {"scripted"}


def test_what_rerank_puts_first_is_what_is_explained(
    explained: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.more = EXPLAIN + '\n[rerank]\nlabeler = "embedded"\ntop = 8\nwindow = 8'
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    explained.run("rerank", "explain")
    rows = served(explained)
    assert (rows["reason_source"] == "scripted").equals(rows["rank"] <= 2)


def test_a_failure_leaves_the_template_and_is_asked_again(explained: Nights, labeler: ScriptedLabeler) -> None:
    [profile] = explained.column("select profile_hash from users where user_id = 'u03'")
    labeler.broken = {profile}
    report = explained.run("explain")["explain"]
    assert report.dropped == {"dead letter: invalid_reply": 2}
    assert set(served(explained).filter(pl.col("user_id") == "u03")["reason_source"]) == {"template"}
    labeler.broken = set()
    labeler.take()
    explained.run("explain")
    assert len(labeler.take()["explain"]) == 2
    assert explained.value("select count(*) from dead_letters") == 0


def test_best_known_users_come_first_and_the_budget_ends_it(
    finished: Nights, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    catalog.more = EXPLAIN + "\nusers = 10"
    unfinished.limits = {"explain": 6}
    report = finished.run("explain")["explain"]
    assert (report.is_partial, report.rows_out, report.n_due) == (True, 6, 14)
    assert served(finished).filter(pl.col("reason_source") == "scripted")["user_id"].n_unique() == 3


def test_the_budget_of_the_task_is_heeded(explained: Nights, catalog: SmallCatalog) -> None:
    catalog.more = EXPLAIN.replace("embedded", "openai") + "\n[budget.explain]\nmax_requests = 3"
    with FakeServer(_answer) as server:
        explained.changes = {"endpoints": with_key(server.url)}
        report = explained.run("explain")["explain"]
    assert (report.is_partial, report.requests) == (True, 3)
    assert report.n_due > 20


def test_a_model_that_invents_titles_is_not_believed(explained: Nights, catalog: SmallCatalog) -> None:
    catalog.more = EXPLAIN.replace("embedded", "openai")
    before = served(explained)
    with FakeServer(lambda request: _answer(request, said='Because you loved "War and Peace".')) as server:
        explained.changes = {"endpoints": with_key(server.url)}
        report = explained.run("explain")["explain"]
    assert report.dropped == {UNGROUNDED: 40}
    assert served(explained).equals(before)


def test_embedded_labeler_explains_with_the_items_own_words(explained: Nights) -> None:
    report = explained.run("explain")["explain"]
    assert report.dropped == {}
    rows = served(explained).filter(pl.col("rank") <= 2)
    assert rows["reason_source"].str.starts_with("embedded:").all()
    assert rows["reason"].str.contains('It says: "').all()
    texts = dict(explained.rows("select item_id, text from items"))
    for item, reason in rows.select("item_id", "reason").iter_rows():
        assert re.findall(r'It says: "(.*)"$', reason)[0] in texts[item]


def test_the_plan_says_the_most_that_it_could_take(explained: Nights, catalog: SmallCatalog) -> None:
    catalog.save()
    [line] = plan_explain(explained.context())
    assert (line.stage, line.rows_due) == ("explain", 40)


def _answer(request: Request, *, said: str = "For you."):
    n_items = int(request.user.split("items to explain: ")[1].split(",")[0])
    blank = {"content": "", "popularity": "", "diversity": "", "time": ""}
    return completion({"answers": [{"number": n + 1, "explanation": said, **blank} for n in range(n_items)]})
