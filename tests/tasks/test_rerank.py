"""rerank: a labeler's order of the first of each list, both ways round, paid once, and nothing lost where it fails."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from tasks.labelers.protocol import RankAnswer, RankQuestion
from tasks.rerank import NOBODY, plan_rerank
from tasks.serving.orders import ShownList
from tests.llm.fake_server import FakeServer, Request, completion
from tests.night import Nights, SmallCatalog, with_key
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import UnfinishedLabeler

TOP = 6
RERANK = f'[rerank]\nlabeler = "embedded"\ntop = {TOP}\nwindow = 4'


def lists(nights: Nights, stage: str = "recommendations") -> dict[str, list[str]]:
    rows = nights.output(stage).sort("user_id", "rank")
    return dict(rows.group_by("user_id", maintain_order=True).agg("item_id").iter_rows())


def by(worth: Callable[[str], object]) -> Callable[[RankQuestion], RankAnswer]:
    """Somebody who puts items in the order of what their titles are worth, however they are shown."""

    def order(window: RankQuestion) -> RankAnswer:
        best_first = sorted(range(len(window.items)), key=lambda place: worth(window.items[place].title))
        return RankAnswer(tuple(best_first.index(place) + 1 for place in range(len(window.items))), 0.9, "so")

    return order


@pytest.fixture
def reranked(finished: Nights, catalog: SmallCatalog) -> Nights:
    """A finished night of a catalog that asks for orders."""
    catalog.more = RERANK
    return finished


def test_without_a_labeler_nobody_is_asked(finished: Nights, labeler: ScriptedLabeler) -> None:
    before = finished.output("recommendations")
    report = finished.run("rerank")["rerank"]
    assert report.notes == (NOBODY,)
    assert labeler.asked == {}
    assert finished.output("recommendations").equals(before)


def test_who_always_prefers_the_first_shown_changes_nothing(reranked: Nights, labeler: ScriptedLabeler) -> None:
    before = lists(reranked)
    report = reranked.run("rerank")["rerank"]
    assert "20 lists stand in the order of scripted" in report.notes
    assert lists(reranked) == before


def test_the_first_of_each_list_stand_in_the_labelers_order(reranked: Nights, labeler: ScriptedLabeler) -> None:
    before = lists(reranked)
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    reranked.run("rerank")
    titles = dict(reranked.rows("select item_id, title from items"))
    after = lists(reranked)
    assert after != before
    for user, items in after.items():
        assert set(items[:TOP]) == set(before[user][:TOP])
        assert items[TOP:] == before[user][TOP:]
        best = min(before[user][:4], key=lambda item: titles[item][::-1])
        assert items.index(best) <= before[user].index(best)
    ranks = reranked.output("recommendations").sort("user_id", "rank").group_by("user_id").agg("rank")["rank"]
    assert all(one.to_list() == list(range(1, 11)) for one in ranks)


def test_each_window_is_asked_both_ways_and_once(reranked: Nights, labeler: ScriptedLabeler) -> None:
    first = reranked.run("rerank")["rerank"]
    asked = labeler.take()["rerank"]
    # Windows of 4 over 6 items: (0, 4) and (2, 6), each both ways round, for 20 users.
    assert (len(asked), first.rows_out) == (80, 80)
    turned = {"|".join((key.split("|")[0], *key.split("|")[:0:-1])) for key in asked}
    assert turned == set(asked)
    again = reranked.run("rerank")["rerank"]
    assert (again.rows_in, again.requests, labeler.take()) == (0, 0, {})
    assert "20 lists stand in the order of scripted" in again.notes


def test_stages_may_run_again_in_any_order(reranked: Nights, labeler: ScriptedLabeler) -> None:
    scored = lists(reranked)
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    reranked.run("rerank")
    ordered = lists(reranked)
    assert ordered != scored
    for stages in (("score",), ("rerank",), ("score", "rerank"), ("rerank", "score"), ("explain",)):
        reranked.run(*stages)
        assert lists(reranked) == ordered
        assert lists(reranked, "scored") == scored


def test_orders_count_no_more_once_nobody_is_named(
    reranked: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    scored = lists(reranked)
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    reranked.run("rerank")
    catalog.more = ""
    reranked.run("rerank")
    assert lists(reranked) == scored


def test_a_list_with_a_failure_stays_as_it_was(reranked: Nights, labeler: ScriptedLabeler) -> None:
    before = lists(reranked)
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    [profile] = reranked.column("select profile_hash from users where user_id = 'u03'")
    labeler.broken = {profile}
    report = reranked.run("rerank")["rerank"]
    assert report.dropped == {"dead letter: invalid_reply": 4}
    assert reranked.column("select distinct task from dead_letters") == ["rerank"]
    after = lists(reranked)
    assert after["u03"] == before["u03"]
    assert sum(after[user] != before[user] for user in before) > 10
    # The next night asks them again, and them alone.
    labeler.broken = set()
    labeler.take()
    reranked.run("rerank")
    assert len(labeler.take()["rerank"]) == 4
    assert reranked.value("select count(*) from dead_letters") == 0
    assert lists(reranked)["u03"] != before["u03"]


def test_letters_of_lists_that_are_no_more_are_forgotten(
    reranked: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    labeler.broken = {"|"}
    reranked.run("rerank")
    assert reranked.value("select count(*) from dead_letters") == 80
    catalog.more = RERANK + "\nusers = 2"
    reranked.run("rerank")
    assert reranked.value("select count(*) from dead_letters") == 8


def test_best_known_users_are_asked_about_first(
    reranked: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.events += [
        {"user": "u11", "item": f"i{item:02d}", "event": "like", "at": "2026-10-09T08:00:00Z"}
        for item in range(0, 20, 2)
    ]
    catalog.more = RERANK + "\nusers = 1"
    reranked.run("ingest", "candidates", "score", "rerank")
    [profile] = reranked.column("select profile_hash from users where user_id = 'u11'")
    assert {key.split("|")[0] for key in labeler.take()["rerank"]} == {profile}


def test_what_is_left_when_the_budget_ends_stays_due(
    finished: Nights, catalog: SmallCatalog, unfinished: UnfinishedLabeler
) -> None:
    catalog.more = RERANK
    unfinished.limits = {"rerank": 10}
    report = finished.run("rerank")["rerank"]
    assert (report.is_partial, report.rows_out, report.n_due) == (True, 10, 70)
    # Two users have all four answers.
    assert "2 lists stand in the order of scripted" in report.notes


def test_slots_of_exploration_take_no_part(reranked: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    catalog.more = f"""{RERANK.replace("top = 6", "top = 10")}
[recommend]
top_n = 5
exploration_slots = 2
[candidates.sources]
popularity = 1.0
exploration = 1.0
"""
    labeler.order = by(lambda title: title[::-1])  # type: ignore[method-assign]
    reranked.run("candidates", "score", "rerank")
    rows = reranked.output("recommendations")
    drawn = rows.filter(pl.col("propensity").is_not_null())
    assert (set(drawn["rank"]), drawn.height) == ({4, 5}, 40)
    assert rows.filter(pl.col("rank") < 4)["propensity"].is_null().all()
    assert drawn["reason"].str.contains("^(something different: |picked at random)").all()
    # Of five items two are drawn: the windows hold the other three, behind the profile's hash.
    assert {len(key.split("|")) for key in labeler.take()["rerank"]} == {4}


def test_invented_and_repeated_items_are_dropped_and_counted(reranked: Nights) -> None:
    def answer(request: Request):
        n_lists = int(request.user.split("lists to put in order: ")[1].split(",")[0])
        rows = [{"number": n + 1, "reason": "so", "order": [3, 9, 3, 1], "confidence": 0.5} for n in range(n_lists)]
        return completion({"answers": rows})

    before = lists(reranked)
    catalog = reranked.catalogs[0]
    catalog.more = RERANK.replace("embedded", "openai").replace("window = 4", "window = 6")
    with FakeServer(answer) as server:
        reranked.changes = {"endpoints": with_key(server.url)}
        report = reranked.run("rerank")["rerank"]
    assert report.dropped == {
        "invented items": 40,
        "repeated items": 40,
        "items left out, which keep their place": 160,
    }
    # Third before first, once forwards and once backwards: places 3, 1 and 1, 3 of six; the others are where they were.
    after = lists(reranked)
    for user, items in after.items():
        assert [items[place] for place in (1, 4)] == [before[user][place] for place in (1, 4)]
        assert set(items) == set(before[user])


def test_the_plan_says_the_most_that_it_could_take(reranked: Nights, catalog: SmallCatalog) -> None:
    catalog.save()
    [line] = plan_rerank(reranked.context())
    assert (line.stage, line.rows_due) == ("rerank", 80)
    catalog.more = ""
    catalog.save()
    assert plan_rerank(reranked.context()) == []


def test_plan_of_an_llm_is_priced_by_the_requests_that_are_not_stored(reranked: Nights, catalog: SmallCatalog) -> None:
    catalog.more = RERANK.replace("embedded", "openai")
    catalog.save()
    [line] = plan_rerank(reranked.context(endpoints=with_key("http://127.0.0.1:9/v1")))
    assert line.rows_due == 80
    assert line.tokens_in > line.requests > 0
    assert line.cost_usd is not None
    assert line.cost_usd > 0


def test_an_order_of_one_direction_alone_does_not_count() -> None:
    one = ShownList("u", "p", (0, 1, 2), ("a", "b", "c"), ((0, 3),))
    assert one.windows() == [("a", "b", "c"), ("c", "b", "a")]
    assert one.reorder({("p", ("a", "b", "c")): [3, 2, 1]}) is None
    assert one.reorder({("p", ("a", "b", "c")): [3, 2, 1], ("p", ("c", "b", "a")): [1, 2, 3]}) == [2, 1, 0]
