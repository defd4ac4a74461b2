"""Topic prototypes: what refinement may and may not do, honest confidence, abstention, reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.labelers_bbc import calibration_error, topics_of
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.errors import LabelerError
from tasks.embedding.protocol import Matrix
from tasks.embedding.sentence import load_embedder
from tasks.labelers.calibration import estimate_accuracy, fit_temperature, outlier_fence, topic_probabilities
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.protocol import ItemText, TopicAnswer, TopicDefinition
from tasks.labelers.prototypes import Prototypes, embed_topics, fit_prototypes, read_inclusions
from tasks.labelers.topics_embedded import answer_topics
from tasks.readers import read_batches
from tests.fake_embedder import HashingEmbedder

TAXONOMY = (
    TopicDefinition("sport", "match goal team coach"),
    TopicDefinition("business", "bank profit market shares"),
    TopicDefinition("tech", "computer software phone chip"),
)
TEXTS = (
    "The team won the match with a late goal",
    "The coach praised his team after the match and the cup",
    "Cup winners sign a keeper and a striker",
    "The bank reported a profit and its shares rose",
    "Shares fell as the market feared inflation",
    "Inflation and interest weigh on the economy",
    "A phone with a faster chip runs the software",
    "Computer software update mends the phone",
)


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def fitted(embedder: HashingEmbedder) -> Prototypes:
    return fit_prototypes(embedder.encode(TEXTS), TAXONOMY, embedder=embedder)


def ask(text: str, prototypes: Prototypes, embedder: HashingEmbedder) -> TopicAnswer:
    item = ItemText("k", "", text)
    return answer_topics([item], embedder.encode([text]), prototypes=prototypes, phrases=PhraseVectors(embedder))[0]


def test_refinement_learns_words_that_no_description_has(embedder: HashingEmbedder, fitted: Prototypes) -> None:
    described = fit_prototypes(embedder.encode([]), TAXONOMY, embedder=embedder)
    unseen = embedder.encode(["the striker and the keeper of the cup"])[0]
    assert unseen @ fitted.centres[0] > unseen @ described.centres[0] + 0.1
    assert ask("the striker and the keeper of the cup", fitted, embedder).primary == "sport"


def test_topic_without_items_stays_at_its_description(embedder: HashingEmbedder) -> None:
    fitted = fit_prototypes(embedder.encode(TEXTS[:6]), TAXONOMY, embedder=embedder)
    assert np.allclose(fitted.centres[2], embed_topics(TAXONOMY, embedder)[2], atol=1e-5)


def test_one_item_moves_a_centre_only_a_little(embedder: HashingEmbedder) -> None:
    fitted = fit_prototypes(embedder.encode(TEXTS[:1]), TAXONOMY, embedder=embedder)
    assert fitted.centres[0] @ embed_topics(TAXONOMY, embedder)[0] > 0.95


def test_order_of_items_does_not_matter(embedder: HashingEmbedder, fitted: Prototypes) -> None:
    assert fit_prototypes(embedder.encode(TEXTS[::-1]), TAXONOMY, embedder=embedder).version == fitted.version


def test_json_gives_the_same_prototypes_back(fitted: Prototypes) -> None:
    again = Prototypes.from_json(fitted.to_json())
    assert again.version == fitted.version
    assert np.array_equal(again.centres, fitted.centres)


def test_version_changes_with_any_number(fitted: Prototypes) -> None:
    assert replace(fitted, temperature=fitted.temperature + 0.01).version != fitted.version


def test_unreadable_json_says_what_to_do() -> None:
    with pytest.raises(LabelerError, match=r"can't be read .*; fit them again"):
        Prototypes.from_json(json.dumps({"names": ["sport"]}))


def test_empty_taxonomy_is_refused(embedder: HashingEmbedder) -> None:
    with pytest.raises(LabelerError, match="taxonomy is empty"):
        fit_prototypes(embedder.encode(TEXTS), [], embedder=embedder)


def test_vectors_of_another_model_are_refused(embedder: HashingEmbedder) -> None:
    with pytest.raises(LabelerError, match=r"shape \(3, 7\), expected \(n, 384\)"):
        fit_prototypes(np.zeros((3, 7), dtype=np.float32), TAXONOMY, embedder=embedder)


def test_guidelines_that_exclude_are_not_embedded() -> None:
    guidelines = "Works and artists belong here; how they sell is business. Not their trials."
    assert read_inclusions(guidelines, others=["business"]) == "Works and artists belong here"


def test_item_like_nothing_in_the_catalog_gets_no_topic(embedder: HashingEmbedder, fitted: Prototypes) -> None:
    answer = ask("quartz zebra umbrella", replace(fitted, fence=0.2), embedder)
    assert (answer.topics, answer.primary, answer.confidence) == ((), None, 0.0)
    assert "further than an item of this catalog" in answer.reason


def test_second_topic_is_named_when_it_is_likely(embedder: HashingEmbedder, fitted: Prototypes) -> None:
    answer = ask("bank profit shares match goal team", fitted, embedder)
    assert {scored.topic for scored in answer.topics} == {"sport", "business"}
    assert answer.topics[0].confidence >= answer.topics[1].confidence >= 0.15


def test_reason_names_words_of_the_item(embedder: HashingEmbedder, fitted: Prototypes) -> None:
    reason = ask("The coach saw a goal, and the weather was fine", fitted, embedder).reason
    assert reason.startswith("closest to sport (0.")
    assert set(reason.rpartition(": ")[2].split(", ")) <= {"coach", "goal", "weather", "fine", "saw"}
    assert "goal" in reason


def test_taxonomy_of_one_topic_can_still_abstain(embedder: HashingEmbedder) -> None:
    fitted = fit_prototypes(embedder.encode(TEXTS[:2] * 20), TAXONOMY[:1], embedder=embedder)
    assert ask("the team and the coach of the match", fitted, embedder).primary == "sport"
    assert ask("quartz zebra umbrella", fitted, embedder).primary is None


def test_half_the_disagreements_cost_accuracy() -> None:
    first = np.zeros(1000, dtype=np.intp)
    second = np.where(np.arange(1000) < 100, 1, 0)
    # p = .9 and K = 5: a² + (1 - a)² / 4 = .9 has the root a ≈ .948
    assert estimate_accuracy(first, second, n_classes=5) == pytest.approx(0.948, abs=0.002)


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_expected_accuracy_lies_between_chance_and_one(n_classes: int, pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array([pair[side] % n_classes for pair in pairs], dtype=np.intp) for side in (0, 1))
    accuracy = estimate_accuracy(first, second, n_classes=n_classes)
    assert min(1 / n_classes, 0.5) <= accuracy + 1e-6
    assert accuracy < 1


def test_mean_confidence_is_the_expected_accuracy() -> None:
    cosines = np.random.default_rng(3).uniform(0.1, 0.6, (500, 4))
    temperature = fit_temperature(cosines, fence=0.0, expected_accuracy=0.8)
    probabilities = topic_probabilities(cosines, fence=0.0, temperature=temperature)
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert probabilities.max(axis=1).mean() == pytest.approx(0.8, abs=0.001)


def test_outliers_do_not_move_the_fence() -> None:
    usual = np.random.default_rng(5).normal(0.5, 0.1, 1000)
    with_outliers = np.concatenate([usual, np.zeros(50)])
    assert outlier_fence(with_outliers) == pytest.approx(outlier_fence(usual), abs=0.05)
    assert outlier_fence(np.array([])) == 0.0


def test_bbc_news_topics_are_right_and_honest(shared_data: Path) -> None:
    """Every fourth of BBC's articles, with the descriptions as they stand in examples/; about 20 s on two cores."""
    catalog = load_catalog(
        Path(__file__).parents[2] / "examples/catalogs/bbc.toml", parameters={"data": str(shared_data)}
    )
    records = pl.concat([batch.records for batch in read_batches(catalog.items[0], "items")])[::4]
    model = load_embedder()
    vectors: Matrix = model.encode([f"{row['title']}\n{row['text']}"[:2000] for row in records.iter_rows(named=True)])
    fitted = fit_prototypes(vectors, topics_of(catalog), embedder=model)
    labeler = EmbeddedLabeler(model, taxonomy=topics_of(catalog), prototypes=fitted)
    items = [ItemText(str(row), "-", "", vector=vector) for row, vector in enumerate(vectors)]
    answers = [reply.answer or TopicAnswer((), "") for reply in labeler.label_topics(items)]
    right = [answer.primary == gold for answer, gold in zip(answers, records["category"], strict=True)]
    assert np.mean(right) >= 0.95
    assert calibration_error([answer.confidence for answer in answers], right) < 0.03
