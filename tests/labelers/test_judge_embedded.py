"""The judge: each kind of evidence, avoidances, and that a pair's grade is the pair's alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tasks.embedding.sentence import load_embedder
from tasks.labelers.avoidances import split_summary
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.protocol import ItemText, JudgeAnswer, JudgeQuestion, UserText
from tasks.labelers.scale import Spread, measure_scale
from tests.fake_embedder import HashingEmbedder

ROSES = ItemText("roses", "Gardening in March", "Prune the roses, dig compost into the flower beds and sow the beans.")
MATCH = ItemText("match", "Late goal wins the derby", "The striker scored in the last minute of the football match.")
BANKS = ItemText("banks", "Bank raises rates", "The central bank raised interest rates by half a point on Thursday.")
GOSSIP = ItemText("gossip", "Star seen with singer", "The film star and the singer were photographed at a party again.")


@pytest.fixture(scope="module")
def labeler() -> EmbeddedLabeler:
    return EmbeddedLabeler(load_embedder())


def ask(labeler: EmbeddedLabeler, user: UserText, item: ItemText, **topics: float) -> JudgeAnswer:
    answer = next(labeler.judge([JudgeQuestion(user, item, topics)])).answer
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("summary", "avoided"),
    [
        ("Reads about rugby; avoids celebrity gossip and crime.", ["celebrity gossip", "crime"]),
        ("No politics, please.", ["politics"]),
        ("Loves films, but can't stand horror.", ["horror"]),
        ("Isn't interested in articles about cars or motorbikes at all.", ["cars", "motorbikes"]),
        ("Avoids crime, loves chess.", ["crime"]),
        ("Skips football altogether, and shuts a novel when it turns dull.", ["football"]),
        ("He scrolls straight past opera and company news.", ["opera", "company news"]),
        ("He loves jazz, but opera leaves him cold.", ["opera"]),
        ("Health tips and choral evenings bore her.", ["Health tips", "choral evenings"]),
        ("Never misses a match, and there is no need to hurry.", []),
        ("Can't get enough of opera; not only reads crime but writes it.", []),
    ],
)
def test_stated_avoidances_are_found(summary: str, avoided: list[str]) -> None:
    assert split_summary(summary)[1] == avoided


def test_what_is_avoided_is_not_read_as_wanted() -> None:
    wanted, _ = split_summary("Avoids crime, loves gardening and chess. Opera bores her.")
    assert wanted == ["loves gardening, chess"]


def test_stated_interest_beats_everything_else(labeler: EmbeddedLabeler) -> None:
    gardener = UserText("u", "", interests=("gardening", "chess"))
    grades = [ask(labeler, gardener, item).relevance for item in (ROSES, MATCH, BANKS)]
    assert grades == [3, 0, 0]
    assert "interest 'gardening'" in ask(labeler, gardener, ROSES).reason


def test_avoidance_overrules_an_interest(labeler: EmbeddedLabeler) -> None:
    fan = UserText("u", "", interests=("film stars",))
    wary = UserText("w", "Avoids celebrity gossip.", interests=("film stars",))
    assert ask(labeler, fan, GOSSIP).relevance > ask(labeler, wary, GOSSIP).relevance
    assert "avoided 'celebrity gossip'" in ask(labeler, wary, GOSSIP).reason


def test_history_speaks_for_what_is_like_it(labeler: EmbeddedLabeler) -> None:
    read = ItemText("read", "Derby ends level", "Both strikers scored in a football derby that ended level.")
    reader = UserText("u", "", history=(read,))
    answer = ask(labeler, reader, MATCH)
    assert answer.relevance >= 1
    assert "history 'Derby ends level'" in answer.reason
    assert ask(labeler, reader, ROSES).relevance == 0


def test_an_item_is_no_evidence_for_itself(labeler: EmbeddedLabeler) -> None:
    assert ask(labeler, UserText("u", "", history=(MATCH,)), MATCH).relevance == 0


def test_topic_alone_earns_a_glance(labeler: EmbeddedLabeler) -> None:
    reader = UserText("u", "", topic_affinity={"sport": 1.0})
    answer = ask(labeler, reader, MATCH, sport=0.95)
    assert (answer.relevance, answer.reason) == (1, "topic sport (100% of what they read)")


def test_user_about_whom_nothing_is_known_is_a_failure(labeler: EmbeddedLabeler) -> None:
    reply = next(labeler.judge([JudgeQuestion(UserText("blank", ""), MATCH)]))
    assert reply.answer is None
    assert reply.failure is not None
    assert "user 'blank' has no interests" in reply.failure.reason


def test_confidence_is_least_at_a_boundary_between_grades(labeler: EmbeddedLabeler) -> None:
    clear = ask(labeler, UserText("u", "", interests=("gardening",)), BANKS)
    unclear = ask(labeler, UserText("v", "", topic_affinity={"sport": 0.55}), MATCH, sport=1.0)
    assert clear.confidence > 0.8 > 0.6 > unclear.confidence


def test_grade_does_not_depend_on_what_is_asked_beside_it() -> None:
    labeler = EmbeddedLabeler(HashingEmbedder())
    words = ["garden", "rose", "bank", "rate", "match", "goal", "film", "star", "chess", "king", "river", "fish"]
    rng = random.Random(4)
    items = [ItemText(f"i{n}", rng.choice(words), " ".join(rng.choices(words, k=8))) for n in range(30)]
    # Two users with the same profile, and so the same key, but different histories.
    users = [UserText("u", "", interests=("rose garden",), history=(items[n],)) for n in (0, 1)]
    pairs = [JudgeQuestion(user, item) for user in users for item in items[2:]]
    together = [reply.answer for reply in labeler.judge(pairs)]
    alone = [next(EmbeddedLabeler(HashingEmbedder()).judge([pair])).answer for pair in pairs]
    assert together == alone
    assert together[:28] != together[28:]


def test_more_interests_raise_the_bar_for_chance() -> None:
    spread = Spread(0.05, 0.1)
    assert spread.bound_largest(1, probability=0.95) == pytest.approx(0.05 + 0.1645, abs=0.001)
    assert spread.bound_largest(20, probability=0.95) > spread.bound_largest(2, probability=0.95)


def test_scale_of_the_packaged_model_tells_related_from_unrelated() -> None:
    scale = measure_scale(load_embedder())
    assert scale.related_interest.mean > scale.unrelated_interest.mean + 3 * scale.unrelated_interest.deviation
    strengths = scale.interest_strength(np.array([-0.1, 0.25, 0.9]), n_interests=3)
    assert (strengths[0], strengths[2]) == (0.0, 1.0)
    assert 0 < strengths[1] < 1
