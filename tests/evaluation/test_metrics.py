from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from tasks.contracts.errors import StepError
from tasks.evaluation.gains import ideal_dcg
from tasks.evaluation.metrics import METRICS, catalogue_coverage, evaluate_lists


def lists(rows):
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.UInt32}, orient="row")


def labels(rows, *, sampled=False):
    schema = {"user_id": pl.String, "item_id": pl.String, "grade": pl.Int8}
    if sampled:
        schema["sampling_probability"] = pl.Float64
    return pl.DataFrame(rows, schema=schema, orient="row")


def one_list(grades, extra=()):
    """A list whose items have these grades, and more labelled items that it lacks."""
    ranked = [("u", f"i{n:03}", n + 1) for n in range(len(grades))]
    known = [("u", f"i{n:03}", grade) for n, grade in enumerate(grades)]
    return lists(ranked), labels(known + [("u", f"x{n:03}", grade) for n, grade in enumerate(extra)])


def test_hand_worked_list():
    values = evaluate_lists(*one_list([0, 3, 1, 2], extra=[2]), cutoffs=(1, 5)).per_user.row(0, named=True)
    dcg = 7 / math.log2(3) + 1 / math.log2(4) + 3 / math.log2(5)
    ideal = 7 + 3 / math.log2(3) + 3 / math.log2(4) + 1 / math.log2(5)
    assert values["ndcg@5"] == pytest.approx(dcg / ideal)
    assert values["ndcg@1"] == 0
    assert values["precision@5"] == pytest.approx(2 / 5)
    assert values["recall@5"] == pytest.approx(2 / 3)
    assert values["map@5"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert values["mrr@5"] == 1 / 2
    assert values["mrr@1"] == 0
    assert values["hit_rate@5"] == 1
    assert values["hit_rate@1"] == 0


def test_the_ideal_holds_what_was_not_retrieved():
    found_all = evaluate_lists(*one_list([3]), cutoffs=(5,)).per_user["ndcg@5"][0]
    missed_one = evaluate_lists(*one_list([3], extra=[3]), cutoffs=(5,)).per_user["ndcg@5"][0]
    assert found_all == 1
    assert missed_one == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_users_without_a_relevant_item_are_left_out_and_counted():
    known = labels([("u", "a", 3), ("v", "a", 1), ("w", "b", 2)])
    found = evaluate_lists(lists([("u", "a", 1), ("v", "a", 1)]), known)
    assert found.per_user["user_id"].to_list() == ["u", "w"]
    assert found.n_without_relevant == 1
    assert found.n_without_list == 1
    assert found.per_user.row(1)[1:] == (0.0,) * (len(METRICS) * 3)


def test_unlabelled_items_count_as_not_relevant():
    found = evaluate_lists(lists([("u", "x", 1), ("u", "a", 2)]), labels([("u", "a", 3)]), cutoffs=(2,))
    assert found.per_user["precision@2"][0] == 0.5
    assert found.per_user["mrr@2"][0] == 0.5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(1, 12))
def test_ndcg_agrees_with_scikit_learn(grades, k):
    found = evaluate_lists(*one_list(grades), cutoffs=(k,), relevant_grade=1).per_user
    if not any(grades):
        assert len(found) == 0
        return
    gains = [[2**grade - 1 for grade in grades]]
    scores = [[-float(place) for place in range(len(grades))]]
    assert found[f"ndcg@{k}"][0] == pytest.approx(ndcg_score(gains, scores, k=k))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_average_precision_agrees_with_scikit_learn(grades):
    k = len(grades)
    found = evaluate_lists(*one_list(grades), cutoffs=(k,)).per_user
    relevant = [grade >= 2 for grade in grades]
    if any(relevant):
        assert found[f"map@{k}"][0] == pytest.approx(average_precision_score(relevant, -np.arange(k)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=15), st.lists(st.integers(0, 3), max_size=5), st.randoms())
def test_metrics_are_bounded_and_ignore_the_order_of_rows(grades, extra, random):
    ranked, known = one_list(grades, extra)
    found = evaluate_lists(ranked, known).per_user
    values = found.drop("user_id").to_numpy()
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    order = list(range(len(ranked)))
    random.shuffle(order)
    shuffled = evaluate_lists(ranked[order], known.reverse()).per_user
    assert np.allclose(shuffled.drop("user_id").to_numpy(), values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=15).filter(lambda grades: max(grades) >= 2))
def test_the_best_order_has_ndcg_1(grades):
    found = evaluate_lists(*one_list(sorted(grades, reverse=True))).per_user
    assert [found[f"ndcg@{k}"][0] for k in (1, 5, 10)] == pytest.approx([1, 1, 1])


def test_half_an_item_fills_half_a_rank():
    counts = np.array([[1.5, 0.0, 4.0]])
    second, third = 1 / math.log2(3), 1 / math.log2(4)
    assert ideal_dcg(counts, 2)[0] == pytest.approx(7 * (1 + second / 2) + 1 * second / 2)
    assert ideal_dcg(counts, 3)[0] == pytest.approx(7 * (1 + second / 2) + 1 * (second / 2 + third))


def test_probability_1_changes_nothing():
    ranked, known = one_list([0, 3, 1, 2], extra=[3])
    plain = evaluate_lists(ranked, known).per_user
    weighted = evaluate_lists(ranked, known.with_columns(sampling_probability=pl.lit(1.0))).per_user
    assert plain.equals(weighted)


def estimate_from_samples(grades, n_listed, probability, *, is_weighted):
    """Metrics of one list under 2,000 samples of its labels; item n of the catalog has rank n + 1 if listed."""
    draw = np.random.default_rng(5)
    ranked, known = [], []
    for number in range(2000):
        kept = np.flatnonzero(draw.uniform(size=len(grades)) < probability)
        stated = probability if is_weighted else np.ones(len(grades))
        ranked += [(f"{number:05}", f"i{n:03}", n + 1) for n in range(n_listed)]
        known += [(f"{number:05}", f"i{n:03}", int(grades[n]), float(stated[n])) for n in kept]
    found = evaluate_lists(lists(ranked), labels(known, sampled=True), cutoffs=(3, 20))
    assert found.n_without_relevant == 0
    return found.per_user


def test_weighting_by_propensity_is_unbiased():
    draw = np.random.default_rng(3)
    grades = draw.choice([0, 1, 2, 3], size=60, p=[0.5, 0.2, 0.2, 0.1])
    grades[:3] = [2, 0, 3]
    probability = np.where(np.arange(60) < 10, 0.8, 0.4)
    ranked, known = one_list(grades[:20], extra=grades[20:])
    truth = evaluate_lists(ranked, known, cutoffs=(3, 20)).per_user.row(0, named=True)
    weighted = estimate_from_samples(grades, 20, probability, is_weighted=True)
    unweighted = estimate_from_samples(grades, 20, probability, is_weighted=False)
    for metric in ("precision@3", "precision@20", "map@3"):
        values = weighted[metric].to_numpy()
        error = values.std() / math.sqrt(len(values))
        assert abs(values.mean() - truth[metric]) < 3 * error, metric
        assert abs(unweighted[metric].mean() - truth[metric]) > 10 * error, metric
    for metric in ("ndcg@20", "recall@20"):
        assert weighted[metric].mean() == pytest.approx(truth[metric], rel=0.05), metric


def test_coverage_counts_distinct_items_of_the_top():
    ranked = lists([("u", "a", 1), ("u", "b", 2), ("v", "a", 1), ("v", "c", 2)])
    assert catalogue_coverage(ranked, n_items=4, k=1) == 0.25
    assert catalogue_coverage(ranked, n_items=4, k=2) == 0.75
    assert catalogue_coverage(ranked, n_items=0, k=2) == 0


@pytest.mark.parametrize(
    ("ranked", "known", "message"),
    [
        ([("u", "a", 1)], [("u", "a", 61, 1.0)], "grade 61"),
        ([("u", "a", 1)], [("u", "a", 1, 0.0)], "sampling_probability 0.0"),
        ([("u", "a", 1)], [("u", "a", 1, 1.0), ("u", "a", 2, 1.0)], "labels hold item 'a' twice"),
        ([("u", "a", 1), ("u", "a", 2)], [("u", "a", 1, 1.0)], "lists hold item 'a' twice"),
        ([("u", "a", 1), ("u", "b", 1)], [("u", "a", 1, 1.0)], "same rank twice"),
        ([("u", "a", 0)], [("u", "a", 1, 1.0)], "ranks start from 1"),
    ],
)
def test_impossible_input_is_refused(ranked, known, message):
    with pytest.raises(StepError, match=message):
        evaluate_lists(lists(ranked), labels(known, sampled=True))


def test_nothing_gives_an_empty_frame():
    found = evaluate_lists(lists([]), labels([]))
    assert len(found.per_user) == 0
    assert found.n_without_relevant == 0
