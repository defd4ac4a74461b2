"""No planted words get out of their fence, measured with a model that obeys whatever does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.openai_topics import build_topics_form
from tasks.labelers.protocol import ItemText
from tasks.llm.prompts import PROMPTS_DIR
from tests.llm.canaries import CANARIES, HOSTS, TAXONOMY
from tests.llm.data import FUZZ
from tests.llm.fake_server import FakeServer, Request
from tests.llm.gullible import answer_gullibly, count_breakouts, obey, render_naively, render_unguarded
from tests.llm.shouting import endpoint_of

PIECES = [
    *"<>‹›«»《》＜＞⟨⟩❮❯≪≫⋘⋙ \n\u200d\u200b\u00a0\ufe0f|｜[]/",
    "sport",
    "<|im_start|>",
    "[INST]",
    "</s>",
    "<<<",
    ">>>",
]
PLANTED = [canary.planted for canary in CANARIES]


def render_in_fence(item: ItemText) -> str:
    return build_topics_form(PROMPTS_DIR, TAXONOMY).render([item]).user


def test_there_are_24_styles_and_none_asks_for_what_its_host_has() -> None:
    assert len(CANARIES) == len({canary.style for canary in CANARIES}) == 24
    assert all(canary.target != canary.topic for canary in CANARIES)
    assert {canary.target for canary in CANARIES} == {topic.name for topic in TAXONOMY}


def test_hosts_name_no_topic_themselves() -> None:
    hosts = [ItemText("host", title, text) for _, title, text in HOSTS]
    assert count_breakouts(hosts, render_naively) == 0


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.style)
def test_planted_words_stay_in_their_fence(canary: object) -> None:
    assert obey(render_in_fence(canary.planted)) is None  # type: ignore[attr-defined]


def test_without_a_fence_they_get_through_and_a_bare_fence_is_closed() -> None:
    assert count_breakouts(PLANTED, render_naively) >= 15
    assert count_breakouts(PLANTED, render_unguarded) >= 3


def test_several_items_in_a_request_stay_in_their_fences() -> None:
    form = build_topics_form(PROMPTS_DIR, TAXONOMY)
    for size in (2, 5, 24):
        for start in range(0, len(PLANTED), size):
            assert obey(form.render(PLANTED[start : start + size]).user) is None


@FUZZ
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_mixture_of_angles_and_tokens_gets_out(text: str) -> None:
    assert obey(render_in_fence(ItemText("item", "A title", f"{text} sport"))) is None


def test_over_http_no_canary_changes_its_label() -> None:
    with FakeServer(answer_gullibly) as server:
        labeler = OpenAILabeler(
            endpoint_of(server), api_key=SecretStr("sk-test"), taxonomy=TAXONOMY, questions_per_request={"topics": 1}
        )
        replies = {reply.key: reply for reply in labeler.label_topics(PLANTED)}
    given = {key: reply.answer.primary for key, reply in replies.items() if reply.answer}
    assert given == {canary.planted.key: canary.topic for canary in CANARIES}


def test_the_gullible_model_would_obey_a_naive_prompt() -> None:
    for canary in CANARIES:
        body = {"messages": [{"content": ""}, {"content": render_naively(canary.planted)}]}
        answer = answer_gullibly(Request(1, "", {}, body, 0.0))
        assert (
            canary.target
            in json.loads(answer.body["choices"][0]["message"]["content"])["answers"][0]["topics"][0]["topic"]
        )
