"""Near-duplicates on real data: copies and repeats of BBC news, and how variants are scored. Needs ../shared/data for BBC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.near_duplicates import CATALOG, DEFINITIONS, name_contents, read_items, repeats
from benchmarks.near_duplicates_read import read_verdicts
from benchmarks.variants import compare_groups, pairs_of, read_kinds
from tasks.contracts.catalog_file import load_catalog
from tasks.labelers.protocol import ItemText, PairQuestion
from tasks.labelers.similar_embedded import answer_similar

REAL_DATA = Path(__file__).resolve().parents[2] / "../shared/data"
COPIES, _, BY_PREFIX, _, SAME_TEXT, _ = DEFINITIONS


@pytest.fixture(scope="module")
def articles() -> list[ItemText]:
    if not (REAL_DATA / "bbc-news-summary.zip").exists():
        pytest.skip(f"needs bbc-news-summary.zip in {REAL_DATA}")
    return read_items(load_catalog(CATALOG, {"data": str(REAL_DATA.resolve())}))


def test_exact_copies_share_a_content(articles: list[ItemText]) -> None:
    copies = repeats(articles, DEFINITIONS[COPIES])
    content_of = name_contents(articles)
    assert len(copies) == 98
    assert all(content_of[a] == content_of[b] for a, b in copies)


@pytest.mark.parametrize(("definition", "expected"), [(BY_PREFIX, 119), (SAME_TEXT, 137)])
def test_repeats_are_called_similar_at_the_lowest_cosine_of_a_candidate(
    articles: list[ItemText], definition: str, expected: int
) -> None:
    pairs = repeats(articles, DEFINITIONS[definition])
    item = {article.key: article for article in articles}
    answers = answer_similar([PairQuestion(item[a], item[b], 0.75) for a, b in pairs])
    assert len(pairs) == expected
    assert [pair for pair, answer in zip(pairs, answers, strict=True) if not answer.is_similar] == []


def test_articles_that_were_read_exist(articles: list[ItemText]) -> None:
    assert {item for pair in read_verdicts() for item in pair} <= {article.key for article in articles}


def test_verdicts_are_yes_or_no_and_quote_nothing() -> None:
    verdicts = read_verdicts()
    assert {verdict for verdict, _ in verdicts.values()} == {"yes", "no"}
    assert max(len(why) for _, why in [*verdicts.values(), *read_kinds().values()]) < 60


def test_pairs_within_groups_are_scored_against_gold() -> None:
    gold = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2", "f": "3"}
    predicted = {"a": "x", "b": "x", "d": "y", "e": "y", "f": "y"}
    # Predicted ab, de, df, ef; gold ab, ac, bc, de. Of two gold groups of two or more, none is a predicted group.
    scores = compare_groups(gold, predicted).score(np.ones(3, dtype=np.int64))
    assert (scores.precision, scores.recall, scores.exact) == (0.5, 0.5, 0.0)
    assert pairs_of(predicted) == {("a", "b"), ("d", "e"), ("d", "f"), ("e", "f")}


def test_group_counted_twice_counts_its_false_pairs_twice() -> None:
    gold = {"a": "1", "b": "1", "c": "2"}
    grouping = compare_groups(gold, {"a": "x", "b": "x", "c": "x"})
    assert grouping.score(np.array([1, 1])).precision == pytest.approx(1 / 3)
    assert grouping.score(np.array([2, 1])).precision == pytest.approx(2 / 6)
    assert grouping.score(np.array([1, 0])).precision == 1
