from __future__ import annotations

import io
import re

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread

from tasks.contracts.recommending import RankingConfig
from tasks.ranking.model import score_rows, train_ranker
from tasks.ranking.model_card import CardFacts, count_rows, write_card
from tasks.ranking.promotion import Comparison, Decision, Interval
from tasks.ranking.shap_picture import Explanation, draw_explanation, explain_ranker
from tasks.ranking.tuning import Trial, Tuning

NAMES = ("bm25_score", "age_days", "fused_rank")
CONFIG = RankingConfig(max_rounds=30, early_stopping_rounds=5, min_data_in_leaf=2, num_leaves=4)
PARAMS = {"num_leaves": 9, "learning_rate": 0.123456}


def rows(prefix, n_users=20, n_items=12, seed=0):
    """bm25_score raises the grade and fused_rank lowers it; age_days does nothing and is often missing."""
    draw = np.random.default_rng(seed)
    size = n_users * n_items
    good, rank, age = draw.normal(size=(3, size))
    age[draw.uniform(size=size) < 0.5] = np.nan
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"{prefix}{n:02}" for n in range(n_users)], n_items),
            "item_id": np.tile([f"i{n:02}" for n in range(n_items)], n_users),
            "grade": np.digitize(2 * good - rank, [-1, 1, 2]).astype(np.int8),
            "truth": "judge",
            "bm25_score": good,
            "age_days": age,
            "fused_rank": rank,
        }
    )


@pytest.fixture(scope="module")
def ranker():
    return train_ranker(rows("t"), rows("v", seed=1), config=CONFIG, feature_names=NAMES)


@pytest.fixture(scope="module")
def explanation(ranker):
    return explain_ranker(ranker, rows("v", seed=1), seed=1)


def card(ranker, explanation, **changes):
    values = {
        "model_id": "0123456789abcdef",
        "catalog": "news",
        "title": "The news",
        "licence": "CC0-1.0",
        "as_of": "2026-11-01",
        "run_id": "r001",
        "code_version": "1.2.3",
        "rows": count_rows({"train": rows("t"), "validation": rows("v", seed=1)}),
        "dropped": {"not_a_candidate": 4, "unlabelled": 0},
        "weights": {"people": 2.0, "judge": 1.0, "interactions": 1.0},
        "blank": ["bm25_z"],
        "tuning": None,
        "decision": Decision(is_promoted=True, reason="the catalog's first model"),
        "explanation": explanation,
        "picture": "0123456789abcdef.shap.png",
        **changes,
    }
    return write_card(ranker, CardFacts(**values))


def test_shap_values_of_a_row_sum_to_its_score(ranker, explanation):
    scores = score_rows(ranker, rows("v", seed=1))
    sums = explanation.values.sum(axis=1)
    assert np.sort(sums - sums.mean()) == pytest.approx(np.sort(scores - scores.mean()), abs=1e-9)


def test_sample_is_drawn_by_hash_not_by_place(ranker):
    frame = rows("v", seed=1)
    few = explain_ranker(ranker, frame, seed=1, max_rows=50)
    turned = explain_ranker(ranker, frame.reverse(), seed=1, max_rows=50)
    assert few.values.shape == (50, 3)
    assert np.array_equal(few.values, turned.values)
    assert not np.array_equal(few.values, explain_ranker(ranker, frame, seed=2, max_rows=50).values)


def test_strength_and_direction_say_what_moves_the_score(explanation):
    assert [explanation.names[at] for at in explanation.order()][:2] == ["bm25_score", "fused_rank"]
    direction = dict(zip(explanation.names, explanation.direction, strict=True))
    assert direction["bm25_score"] > 0.8
    assert direction["fused_rank"] < -0.8


def test_feature_that_does_nothing_is_left_out():
    flat = Explanation(("a", "b"), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.ones((2, 2), np.float32))
    assert flat.order() == [0]
    assert flat.direction.tolist() == [0.0, 0.0]


def test_picture_is_a_png_that_is_the_same_for_the_same_values(explanation):
    picture = draw_explanation(explanation, title="The news")
    assert picture == draw_explanation(explanation, title="The news")
    pixels = imread(io.BytesIO(picture))
    assert pixels.shape[0] > 300
    red, blue = (pixels[:, :, one] - pixels[:, :, other] > 0.4 for one, other in ((0, 2), (2, 0)))
    assert red.any()
    assert blue.any()


def test_picture_can_be_drawn_of_one_row_and_of_no_value():
    one = Explanation(("a", "b"), np.array([[0.5, -0.2]]), np.array([[1.0, np.nan]], np.float32))
    assert draw_explanation(one, title="one").startswith(b"\x89PNG")
    none = Explanation(("a",), np.zeros((3, 1)), np.zeros((3, 1), np.float32))
    assert draw_explanation(none, title="none").startswith(b"\x89PNG")


def test_card_tells_what_the_model_learnt_from(ranker, explanation):
    text = card(ranker, explanation)
    counts = count_rows({"train": rows("t")})
    assert counts["n_rows"].sum() == 240
    [line] = [line for line in text.splitlines() if line.startswith("| train | judge | 3 |")]
    assert line == f"| train | judge | 3 | {counts['n_users'][3]} | {counts['n_rows'][3]} |"
    assert "Left out: 4 not a candidate." in text
    assert "people 2, judge 1, interactions 1" in text
    assert "licence of the data: CC0-1.0" in text


def test_card_names_the_strongest_features_with_meaning_and_direction(ranker, explanation):
    text = card(ranker, explanation)
    lines = [line for line in text.splitlines() if re.match(r"\| `\w+` \| .* \| (raises|lowers|mixed) \|$", line)]
    assert lines[0].startswith("| `bm25_score` | score of source bm25 |")
    assert lines[0].endswith("| raises |")
    assert lines[1].startswith("| `fused_rank` |")
    assert lines[1].endswith("| lowers |")
    assert "](0123456789abcdef.shap.png)" in text
    assert "Without a value in this catalog: `bm25_z`." in text


def test_card_tells_the_comparison_with_its_intervals(ranker, explanation):
    interval = Interval(0.5, 0.4, 0.6)
    found = Comparison(30, interval, Interval(0.52, 0.42, 0.62), Interval(-0.02, -0.05, -0.01), 0.9)
    text = card(ranker, explanation, decision=Decision(is_promoted=False, reason="NDCG@10 -0.020", comparison=found))
    assert "kept back as challenger; NDCG@10 -0.020" in text
    assert "On 30 validation users that neither model had met" in text
    assert "90% bootstrap intervals" in text
    assert "| difference, paired | -0.020 | -0.050 | -0.010 |" in text
    assert "No comparison: the catalog's first model." in card(ranker, explanation)


def test_card_tells_the_search(ranker, explanation):
    trials = (Trial(0, 0.61, 20, {**PARAMS, "num_leaves": 15}), Trial(1, 0.64, 31, PARAMS))
    text = card(ranker, explanation, tuning=Tuning(trials, n_asked=5))
    assert "Found by 2 of 5 trials; the time was up first" in text
    assert (
        "Trial 1 reached NDCG@10 0.6400 on the validation users, the catalog file's own parameters (trial 0) 0.6100"
        in text
    )
    assert "| 1 | 0.6400 | 31 | 9 | 0.1235 |" in text
    assert "As the catalog file has them: no search." in card(ranker, explanation)


def test_card_is_whole_and_holds_no_ids(ranker, explanation):
    text = card(ranker, explanation)
    for heading in ("Intended use", "Learnt from", "How well it ranks", "What it looks at", "Parameters", "Limits"):
        assert f"\n## {heading}\n" in text
    assert not re.search(r"\b[tv]\d\d\b|\bi\d\d\b", text)
    assert text == card(ranker, explanation)
