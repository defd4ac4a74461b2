"""Votes of one labeler: the majority, its smoothed share, ties and gaps."""

from __future__ import annotations

import pytest

from tasks.labelers.protocol import JudgeAnswer, ScoredTopic, SimilarAnswer, TopicAnswer
from tasks.labelers.votes import vote_judge, vote_similar, vote_topics


def topics(*names: str) -> TopicAnswer:
    return TopicAnswer(tuple(ScoredTopic(name, 0.99) for name in names), f"says {' '.join(names)}")


def similar(verdict: bool, *, same: bool | None = None) -> SimilarAnswer:
    return SimilarAnswer(verdict, 0.99 if verdict else 0.01, "so", same)


def test_primary_topic_of_most_wins_and_seconds_need_half() -> None:
    answer = vote_topics([topics("tech"), topics("sport", "tech"), topics("sport", "food"), topics("sport", "tech")], 5)
    assert answer.topics == (ScoredTopic("sport", 0.571429), ScoredTopic("tech", 0.571429))
    assert answer.reason == "says sport tech"


def test_none_of_these_may_win() -> None:
    assert vote_topics([topics(), topics("sport"), topics()], 3).topics == ()


def test_a_tie_goes_to_the_first() -> None:
    assert vote_topics([topics("sport"), topics("tech")], 2).primary == "sport"
    assert vote_judge([JudgeAnswer(1, 0.9, ""), JudgeAnswer(2, 0.9, "")], 2).relevance == 1


def test_an_asking_without_answer_is_a_vote_for_nothing() -> None:
    assert vote_judge([JudgeAnswer(2, 0.9, "")], 5) == JudgeAnswer(2, pytest.approx(2 / 7, abs=1e-6), "")


@pytest.mark.parametrize("n_true", range(6))
def test_confidence_of_a_pair_is_the_probability_that_it_is_similar(n_true: int) -> None:
    answer = vote_similar([similar(n < n_true) for n in range(5)], 5)
    assert answer.is_similar == (n_true >= 3)
    assert answer.is_similar == (answer.confidence >= 0.5)
    assert answer.confidence == pytest.approx((n_true + 1) / 7, abs=1e-5)


def test_topic_of_a_pair_is_voted_on_apart_but_follows_a_similar_verdict() -> None:
    assert vote_similar(
        [similar(False, same=True), similar(False, same=True), similar(False, same=False)], 3
    ).is_same_topic
    assert vote_similar([similar(True, same=False)] * 3, 3).is_same_topic
    assert vote_similar([similar(False)] * 3, 3).is_same_topic is None
