"""The judge with hidden rules: its grades follow the rules, and the product's own labeler gets them over the wire."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.hidden_judge.readers import SUBJECTS, Taste, draw_readers
from benchmarks.hidden_judge.rules import Article, build_shelf, expected_grade, grade_of, worth_of
from benchmarks.hidden_judge.server import HiddenJudge
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import ItemText, JudgeQuestion, UserText
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.types import Endpoint

ARTICLES = [
    Article(f"{topic}{n}", topic, f"{topic} title {n}", "word " * (n + 1) * 10 + ("oil" if n == 4 else ""), n)
    for topic in ("sport", "tech", "business")
    for n in range(6)
]
TASTE = Taste(strong=("sport",), weak="tech", disliked=("oil", "iraq"), length=1, is_recent=True)


@pytest.fixture
def worth() -> dict[str, float]:
    shelf = build_shelf(ARTICLES)
    return dict(zip((one.item_id for one in ARTICLES), worth_of(shelf, TASTE), strict=True))


def test_topic_tastes_and_dislikes_add_up(worth: dict[str, float]) -> None:
    assert worth["sport5"] == pytest.approx(2.2 + 0.6 + 0.6)
    assert worth["sport4"] == pytest.approx(2.2 + 0.6 + 0.6 - 2.0)
    assert worth["sport0"] == pytest.approx(2.2 - 0.6 - 0.6)
    assert worth["tech2"] == pytest.approx(1.2)
    assert worth["business5"] == 0


def test_expected_grade_orders_as_the_worth_does(worth: dict[str, float]) -> None:
    values = np.array(sorted(worth.values()))
    assert (np.diff(expected_grade(values)) >= 0).all()
    assert grade_of(np.array([-1.0, 0.49, 0.5, 2.5, 9.0])).tolist() == [0, 0, 1, 3, 3]


def test_profiles_name_subjects_and_never_a_topic() -> None:
    readers = draw_readers(50, seed=1)
    assert len({reader.summary for reader in readers}) == 50
    assert readers == draw_readers(50, seed=1)
    for reader in readers:
        said = " ".join((reader.summary, *reader.interests)).lower()
        assert not [topic for topic in SUBJECTS if f" {topic} " in said.replace("parliament", "")]


def test_the_products_labeler_gets_the_judges_grades() -> None:
    reader, shelf = draw_readers(1, seed=1)[0], build_shelf(ARTICLES)
    judge = HiddenJudge([reader], shelf, seed=1)
    user = UserText("u", reader.summary, interests=reader.interests)
    asked = [JudgeQuestion(user, ItemText(one.item_id, one.title, one.text)) for one in ARTICLES]
    with LoopbackServer(judge) as server:
        endpoint = Endpoint(name="hidden", model="rules", base_url=server.url, api_key_env=None)
        replies = {reply.key: reply.answer for reply in OpenAILabeler(endpoint).judge(asked)}
    grades = [replies[question.key].relevance for question in asked]
    assert grades == [judge.grade(reader.user_id, place) for place in range(len(ARTICLES))]
    assert len(set(grades)) > 1
