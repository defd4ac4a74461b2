"""Our metrics against ir_measures (trec_eval's code), on random runs with ties, gaps and missing users.

The references rank by score and break ties by their own rules, so they are given scores without ties; what ties are
worth is checked as the mean of the reference over every order of the tied items. They close gaps, so that each gap is
filled with an item that nobody labelled. Their AP@k divides by R, ours by min(k, R): the two are brought together.
"""

from __future__ import annotations

import itertools

import ir_measures
import numpy as np
import polars as pl
import pytest
from ir_measures import AP, RR, Bpref, P, R, Success, nDCG

from tasks.evaluation.condensed import bpref, close_gaps, condense
from tasks.evaluation.metrics import evaluate_lists, evaluate_scores

K = 5
RELEVANT = 2
EXACT = {"rel": 0, "abs": 1e-9}
PLAIN = {
    f"precision@{K}": P(rel=RELEVANT) @ K,
    f"recall@{K}": R(rel=RELEVANT) @ K,
    f"map@{K}": AP(rel=RELEVANT) @ K,
    f"mrr@{K}": RR(rel=RELEVANT) @ K,
    f"hit_rate@{K}": Success(rel=RELEVANT) @ K,
}
LINEAR = nDCG @ K
EXPONENTIAL = nDCG(gains={1: 1, 2: 3, 3: 7}) @ K


def draw_run(seed, *, n_users=40, n_items=30, depth=14, n_levels=None):
    """(lists of ranks with gaps, labels): every fifth user has no list, every seventh no label, some no relevant one."""
    draw = np.random.default_rng(seed)
    lists, labels = [], []
    for user in range(n_users):
        name = f"u{user:02}"
        if user % 5:
            items = draw.choice(n_items, size=int(draw.integers(1, depth)), replace=False)
            ranks = np.sort(draw.choice(2 * depth, size=len(items), replace=False)) + 1
            lists += [(name, f"i{item:02}", int(rank)) for item, rank in zip(items, ranks, strict=True)]
        if user % 7:
            judged = draw.choice(n_items, size=int(draw.integers(1, n_items)), replace=False)
            grades = draw.choice([0, 1, 2, 3], size=len(judged), p=[0.5, 0.2, 0.2, 0.1])
            labels += [(name, f"i{item:02}", int(grade)) for item, grade in zip(judged, grades, strict=True)]
    return (
        pl.DataFrame(lists, schema=["user_id", "item_id", "rank"], orient="row"),
        pl.DataFrame(labels, schema=["user_id", "item_id", "grade"], orient="row"),
    )


def fill_gaps(lists):
    """As scores for the references: each gap holds an item of its own, and users without a list have none."""
    rows = {}
    for user, item, rank in lists.iter_rows():
        rows.setdefault(user, {})[rank] = item
    return {
        user: {held.get(rank, f"gap{rank}"): -float(rank) for rank in range(1, max(held) + 1)}
        for user, held in rows.items()
    }


def as_qrels(labels):
    qrels = {}
    for user, item, grade in labels.iter_rows():
        qrels.setdefault(user, {})[item] = grade
    return qrels


def by_ir_measures(measures, labels, run):
    """{measure: {user: value}}; a user whom the reference does not mention has 0.

    One measure a call: asked for two NDCGs with different gains at once, the reference now and then mixes them up.
    """
    qrels = as_qrels(labels)
    return {
        measure: {metric.query_id: metric.value for metric in ir_measures.iter_calc([measure], qrels, run)}
        for measure in measures
    }


def assert_equal(per_user, name, reference):
    assert len(per_user) > 20
    for user, value in per_user.select("user_id", name).iter_rows():
        assert value == pytest.approx(reference.get(user, 0.0), **EXACT), (name, user)


@pytest.mark.parametrize("seed", range(6))
def test_ranked_lists_equal_ir_measures(seed):
    lists, labels = draw_run(seed)
    found = evaluate_lists(lists, labels, cutoffs=(K,)).per_user
    linear = evaluate_lists(lists, labels, cutoffs=(K,), gain="linear").per_user
    reference = by_ir_measures([*PLAIN.values(), LINEAR, EXPONENTIAL], labels, fill_gaps(lists))
    n_relevant = dict(labels.filter(pl.col("grade") >= RELEVANT).group_by("user_id").len().iter_rows())
    scale = {user: n / min(K, n) for user, n in n_relevant.items()}
    average = PLAIN[f"map@{K}"]
    reference[average] = {user: value * scale.get(user, 1.0) for user, value in reference[average].items()}
    for name, measure in PLAIN.items():
        assert_equal(found, name, reference[measure])
    assert_equal(found, f"ndcg@{K}", reference[EXPONENTIAL])
    assert_equal(linear, f"ndcg@{K}", reference[LINEAR])
    missing = set(found["user_id"]) - set(lists["user_id"])
    assert len(missing) > 2
    assert found.filter(pl.col("user_id").is_in(missing)).drop("user_id").to_numpy().sum() == 0


@pytest.mark.parametrize("seed", range(4))
def test_ties_are_the_mean_of_the_reference_over_all_orders(seed):
    draw = np.random.default_rng(seed)
    items = [f"i{n}" for n in range(8)]
    scores = draw.choice([3.0, 2.0, 1.0], size=8, p=[0.3, 0.4, 0.3])
    grades = draw.choice([0, 1, 2, 3], size=8)
    grades[:2] = [2, 3]
    labels = pl.DataFrame({"user_id": ["u"] * 9, "item_id": [*items, "missed"], "grade": [*grades.tolist(), 2]})
    scored = pl.DataFrame({"user_id": ["u"] * 8, "item_id": items, "score": scores})
    groups = [[item for item, s in zip(items, scores, strict=True) if s == level] for level in (3.0, 2.0, 1.0)]
    orders = list(itertools.product(*(itertools.permutations(group) for group in groups)))
    runs = {
        f"o{n}": {item: -float(place) for place, item in enumerate(itertools.chain(*order))}
        for n, order in enumerate(orders)
    }
    everyone = {f"o{n}": as_qrels(labels)["u"] for n in range(len(orders))}
    measures = {**PLAIN, f"ndcg@{K}": EXPONENTIAL}
    found = evaluate_scores(scored, labels, cutoffs=(K,)).per_user.row(0, named=True)
    assert len(orders) > 10
    n_relevant = int((labels["grade"] >= RELEVANT).sum())
    for name, measure in measures.items():
        values = [metric.value for metric in ir_measures.iter_calc([measure], everyone, runs)]
        factor = n_relevant / min(K, n_relevant) if name.startswith("map") else 1.0
        assert found[name] == pytest.approx(np.mean(values) * factor, **EXACT), name


@pytest.mark.parametrize("seed", range(3))
def test_scores_without_ties_are_ranks(seed):
    lists, labels = draw_run(seed + 80)
    scored = lists.select("user_id", "item_id", score=-pl.col("rank").cast(pl.Float64))
    ranked = evaluate_lists(close_gaps(lists), labels).per_user
    assert np.allclose(
        evaluate_scores(scored, labels).per_user.drop("user_id").to_numpy(),
        ranked.drop("user_id").to_numpy(),
        atol=1e-12,
    )


@pytest.mark.parametrize("seed", range(3))
def test_bpref_equals_ir_measures(seed):
    lists, labels = draw_run(seed + 100)
    measure = Bpref(rel=RELEVANT)
    reference = by_ir_measures([measure], labels, fill_gaps(lists))[measure]
    assert_equal(bpref(lists, labels), "bpref", reference)


@pytest.mark.parametrize("seed", range(3))
def test_condensed_metrics_equal_those_of_a_judged_run(seed):
    lists, labels = draw_run(seed + 120)
    judged = ir_measures.parse_measure(f"nDCG(gains={{1:1,2:3,3:7}},judged_only=True)@{K}")
    reference = by_ir_measures([judged], labels, fill_gaps(lists))[judged]
    found = evaluate_lists(condense(lists, labels), labels, cutoffs=(K,)).per_user
    assert_equal(found, f"ndcg@{K}", reference)
    assert not np.allclose(found[f"ndcg@{K}"], evaluate_lists(lists, labels, cutoffs=(K,)).per_user[f"ndcg@{K}"])
