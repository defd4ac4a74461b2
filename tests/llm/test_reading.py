"""The canonical text of one answer says that answer alone, and says it again when it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labelers.openai_enrich import build_enrich_form
from tasks.labelers.openai_forms import build_judge_form
from tasks.labelers.openai_similar import build_similar_form
from tasks.labelers.openai_topics import build_topics_form
from tasks.labelers.protocol import ItemText, JudgeQuestion, PairQuestion, TopicDefinition, UserText
from tasks.llm.prompts import PROMPTS_DIR
from tests.llm.data import FUZZ

ITEM = ItemText("i", "Title", "Text")
TAXONOMY = (TopicDefinition("Sport", "Matches"), TopicDefinition("Tech", "Computers"))
FORMS: dict[str, tuple[Any, Any]] = {
    "enrich": (build_enrich_form(PROMPTS_DIR, ()), ITEM),
    "enrich with aspects": (build_enrich_form(PROMPTS_DIR, ("Place", "Price")), ITEM),
    "topics": (build_topics_form(PROMPTS_DIR, TAXONOMY), ITEM),
    "similar": (build_similar_form(PROMPTS_DIR), PairQuestion(ITEM, ITEM, 0.5)),
    "judge": (build_judge_form(PROMPTS_DIR), JudgeQuestion(UserText("u", "Someone"), ITEM)),
}
WORDS = st.text(min_size=1, max_size=30).map(lambda text: f"w{text}")
SHARES = st.floats(0, 1)
DESCRIBED = {
    "summary": WORDS,
    "themes": st.lists(WORDS, min_size=1, max_size=5),
    "mood": WORDS,
    "audience": WORDS,
    "keywords": st.lists(WORDS, max_size=5),
    "confidence": SHARES,
}
ASPECTS = st.lists(
    st.fixed_dictionaries({"aspect": st.sampled_from(["Place", "PRICE"]), "words": WORDS, "quote": WORDS}),
    max_size=2,
    unique_by=lambda row: row["aspect"],
)
TOPICS = st.lists(
    st.fixed_dictionaries({"topic": st.sampled_from(["sport", "TECH"]), "confidence": SHARES}),
    max_size=2,
    unique_by=lambda row: row["topic"],
)
ROWS = {
    "enrich": st.fixed_dictionaries(DESCRIBED),
    "enrich with aspects": st.fixed_dictionaries({**DESCRIBED, "aspects": ASPECTS}),
    "topics": st.fixed_dictionaries({"reason": WORDS, "topics": TOPICS}),
    "similar": SHARES.flatmap(
        lambda share: st.fixed_dictionaries(
            {
                "reason": WORDS,
                "is_similar": st.just(share > 0.5),
                "probability": st.just(share),
                "same_topic": st.booleans(),
            }
        )
    ),
    "judge": st.fixed_dictionaries({"reason": WORDS, "relevance": st.integers(0, 3), "confidence": SHARES}),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_was_read_is_read_again(name: str) -> None:
    form, question = FORMS[name]

    @FUZZ
    @given(st.lists(ROWS[name], min_size=1, max_size=3))
    def check(rows: list[dict[str, Any]]) -> None:
        numbered = [{"number": n, "more": "than asked", **row} for n, row in enumerate(rows, start=1)]
        for one in form.read(json.dumps({"answers": numbered}), [question] * len(rows)):
            [again] = form.read(one.text, [question])
            assert again == one

    check()


def test_the_canonical_text_is_compact_in_the_schemas_order_and_numbered_one() -> None:
    form, question = FORMS["judge"]
    text = '[{"number": 2, "confidence": "0.5", "relevance": 3.0, "reason": "é", "x": 1}, {"number": 1, "reason": "b", "relevance": 0, "confidence": 1}]'
    first, second = form.read(text, [question, question])
    assert first.text == '{"answers":[{"number":1,"reason":"b","relevance":0,"confidence":1.0}]}'
    assert second.text == '{"answers":[{"number":1,"reason":"é","relevance":3,"confidence":0.5}]}'
    assert second.answer.relevance == 3
