"""A whole night by the command line, a model of the LiteLLM proxy for each task: asked once, recorded, never asked again."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Nightjar
from tests.litellm.conftest import Asking
from tests.litellm.proxy import ANSWERS, PACED, PACED_REQUESTS_PER_MINUTE, TOKENS_IN, TOKENS_OUT, LiteLLM
from tests.night import Nights, SmallCatalog

pytestmark = pytest.mark.usefixtures("prefect_server")

MODELS = {task: f"mock-{task}" for task in ("enrich", "topics", "similar", "judge")}
LABELS = {
    "enrich": ("current_enrichments", "summary, themes, mood, audience, keywords, confidence"),
    "topics": ("current_topic_labels", "reason, topics"),
    "similar": ("current_similarity_labels", "reason, is_similar, confidence as probability, is_same_topic"),
    "judge": ("current_judge_labels", "reason, relevance, confidence"),
}


@pytest.fixture
def asking(asking: Asking, catalog: SmallCatalog) -> Asking:
    """A model a task, and a pair of near items to verify."""
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "title": "Again"}
    asking.endpoints(*MODELS.values())
    asking.labelers(**MODELS)
    return asking


def test_night_holds_what_the_models_said_and_what_they_cost_and_the_next_asks_nothing(
    nightjar: Nightjar, nights: Nights, asking: Asking, catalog: SmallCatalog, litellm: LiteLLM
) -> None:
    asked_before = litellm.n_requests
    first = nightjar("run", "--catalog", catalog.save(), "--as-of", "2026-11-01")
    assert first.code == 0, first.err
    for task, (table, columns) in LABELS.items():
        [row] = nights.rows(f"select distinct labeler, {columns} from {table}")
        assert row == (f"openai:{MODELS[task]}", *ANSWERS[MODELS[task]].values())
    assert nights.rows("from dead_letters") == []
    assert nights.published("item_topics").height == 31
    assert nights.published("recommendations")["user_id"].n_unique() == 20
    _assert_costs(nights, n_requests=litellm.n_requests - asked_before)

    asked_before = litellm.n_requests
    second = nightjar("run", "--as-of", "2026-11-01", "--to", "judge")
    assert second.code == 0, second.err
    assert litellm.n_requests == asked_before
    last = "run_id = (select max(run_id) from runs)"
    assert nights.rows(f"select sum(requests), sum(cost_usd) from stage_runs where {last}") == [(0, 0.0)]


def _assert_costs(nights: Nights, *, n_requests: int) -> None:
    """What the stages report is what the proxy stated, and they asked one question a request."""
    spent = nights.rows("select stage, rows_in, requests, tokens_in, tokens_out, cost_usd from stage_runs order by all")
    by_stage = {row[0]: row[1:] for row in spent if row[2]}
    assert set(by_stage) == set(MODELS)
    assert sum(requests for _, requests, *_ in by_stage.values()) == n_requests
    for n_questions, requests, tokens_in, tokens_out, cost_usd in by_stage.values():
        assert requests == n_questions
        assert (tokens_in, tokens_out) == (TOKENS_IN * requests, TOKENS_OUT * requests)
        assert cost_usd == pytest.approx((TOKENS_IN * 1.0 + TOKENS_OUT * 2.0) * requests / 1e6)


@pytest.mark.parametrize(
    ("model", "rates"),
    [("mock-topics", "states no rate limit"), (PACED, f"allows {PACED_REQUESTS_PER_MINUTE} requests a minute")],
)
def test_doctor_tells_what_the_proxy_offers(nightjar: Nightjar, asking: Asking, model: str, rates: str) -> None:
    asking.endpoints(model)
    shown = nightjar("doctor")
    assert shown.code == 0, shown.out
    [line] = [line for line in shown.out.splitlines() if line.startswith(f"ok   endpoint {model}")]
    assert f"answers as json_schema, states usage ({TOKENS_IN} tokens in, {TOKENS_OUT} out)" in line
    assert f"{rates}, has no Batch API" in line
