"""The collaborative models: EASE against its closed form, ALS and its fold-in, sittings, and the source that serves them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.als import CONFIDENCE, REGULARIZATION, fit_als
from tasks.retrieval.choices import choice_matrix, sitting_matrix
from tasks.retrieval.collaborative import Collaborative, fit_collaborative
from tasks.retrieval.ease import fit_ease
from tasks.retrieval.source import Pairs

MINUTE = 1.0 / (24 * 60)


def choose(rows):
    """interactions of (user, item, minutes ago or None)."""
    frame = [(user, item, 1.0, None if minutes is None else minutes * MINUTE) for user, item, minutes in rows]
    schema = {"user_id": pl.String, "item_id": pl.String, "weight": pl.Float64, "age_days": pl.Float64}
    return pl.DataFrame(frame, schema=schema, orient="row")


def draw_choices(n_users=40, n_items=12, seed=0):
    draw = np.random.default_rng(seed)
    taste = draw.integers(0, 2, n_users)
    likes = draw.random((n_users, n_items)) < np.where((np.arange(n_items) % 2)[None, :] == taste[:, None], 0.6, 0.1)
    return [(f"u{user:03}", f"i{item:02}", 10 * item) for user, item in np.argwhere(likes)]


def test_ease_is_the_closed_form():
    draw = np.random.default_rng(1)
    choices = (draw.random((60, 15)) < 0.3) * draw.choice([0.3, 0.8, 1.0], (60, 15))
    choices[:, 7] = 0.0
    for dropout in (0.0, 0.4):
        model = fit_ease(
            sparse.csr_matrix(choices.astype(np.float32)), regularization=5.0, max_items=99, dropout=dropout
        )
        known = np.delete(choices, 7, axis=1)
        gram = known.T @ known
        inverse = np.linalg.inv(gram + 5.0 * np.eye(14) + dropout / (1 - dropout) * np.diag(np.diag(gram)))
        weights = np.eye(14) - inverse / np.diag(inverse)
        assert model.items.tolist() == [*range(7), *range(8, 15)]
        assert model.weights == pytest.approx(weights, abs=1e-5)
        assert np.diag(model.weights).tolist() == [0.0] * 14
        histories = sparse.csr_matrix(choices[:3].astype(np.float32))
        assert model.score(histories) == pytest.approx(known[:3] @ weights, abs=1e-5)


def test_content_counts_as_further_rows(monkeypatch):
    draw = np.random.default_rng(3)
    choices = (draw.random((40, 11)) < 0.4).astype(np.float32)
    content = draw.normal(size=(11, 3)).astype(np.float32)
    monkeypatch.setattr("tasks.retrieval.ease.GRAM_BLOCK", 4)
    model = fit_ease(sparse.csr_matrix(choices), regularization=4.0, max_items=99, content=content)
    stacked = np.concatenate([choices, content.T])
    inverse = np.linalg.inv(stacked.T @ stacked + 4.0 * np.eye(11))
    assert model.weights == pytest.approx(np.eye(11) - inverse / np.diag(inverse), abs=1e-5)


def test_an_item_that_few_chose_profits_from_those_of_its_kind(make_index, make_shard):
    rows = choose([*draw_choices(), ("u000", "i98", 5.0), ("u001", "i99", 5.0)])
    ids = [*(f"i{n:02}" for n in range(12)), "i98", "i99"]
    vectors = np.zeros((14, 2))
    vectors[:, 1], vectors[[0, 12], :] = 1.0, (1.0, 0.0)
    alike, blank = make_index(ids, vectors), make_index(ids)
    config = CandidatesConfig(ease_regularization=20.0)
    gains = []
    for index in (alike, blank):
        shard = make_shard(index, ["u"], history=[("u", "i00", 1.0, 0.0)])
        pairs = Pairs(np.array([0, 0]), np.array([12, 13]))
        scores = fit_collaborative(rows, index, config).score_pairs(shard, pairs)
        gains.append(scores[0] - scores[1])
    assert gains[0] > gains[1]


def test_ease_in_blocks_is_ease_at_once(monkeypatch):
    draw = np.random.default_rng(2)
    choices = sparse.csr_matrix((draw.random((50, 23)) < 0.3).astype(np.float32))
    whole = fit_ease(choices, regularization=2.0, max_items=99)
    monkeypatch.setattr("tasks.retrieval.ease.GRAM_BLOCK", 5)
    assert fit_ease(choices, regularization=2.0, max_items=99).weights == pytest.approx(whole.weights, abs=1e-6)


def test_scores_of_a_few_users_do_not_copy_the_whole_matrix():
    """SciPy copies what lies by columns before each product: 11 s for 20,000 items, in each block of users."""
    choices = sparse.random(400, 700, density=0.1, format="csr", dtype=np.float32, rng=np.random.default_rng(4))
    model = fit_ease(choices, regularization=2.0, max_items=700)
    tracemalloc.start()
    try:
        model.score(choices[:3])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < model.weights.nbytes / 10


def test_ease_keeps_the_most_chosen_items():
    choices = sparse.csr_matrix(np.array([[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1]], dtype=np.float32))
    assert fit_ease(choices, regularization=1.0, max_items=3).items.tolist() == [0, 1, 3]


def test_without_regularization_ease_says_what_to_change():
    choices = sparse.csr_matrix(np.ones((2, 3), dtype=np.float32))
    with pytest.raises(StepError, match="ease_regularization"):
        fit_ease(choices, regularization=-10.0, max_items=3)


def test_als_folds_users_in_by_the_equation_of_the_fit(make_index):
    index = make_index([f"i{n:02}" for n in range(12)])
    choices = choice_matrix(choose(draw_choices()), index)
    model = fit_als(choices, factors=4)
    assert np.array_equal(model.factors, fit_als(choices, factors=4).factors)
    asked = np.zeros(12, dtype=np.float32)
    asked[[0, 3]] = (1.0, 0.5)
    confidence, preferred = np.where(asked > 0, CONFIDENCE * asked, 1.0), (asked > 0).astype(float)
    factors = model.factors.astype(np.float64)
    left = factors.T @ (confidence[:, None] * factors) + REGULARIZATION * np.eye(4)
    expected = factors @ np.linalg.solve(left, factors.T @ (confidence * preferred))
    assert model.score(sparse.csr_matrix(asked[None]))[0] == pytest.approx(expected, abs=1e-5)
    blank = model.score(sparse.csr_matrix((1, 12), dtype=np.float32))
    assert blank.tolist() == [[0.0] * 12]


def test_choices_of_one_sitting_count_more_than_those_of_one_user(make_index):
    index = make_index(["a", "b", "c", "d"])
    rows = choose([("u", "a", 0.0), ("u", "b", 0.5), ("u", "c", 7.0), ("u", "d", 500.0)])
    matrix = sitting_matrix(rows, index, share=0.6)
    gram = (matrix.T @ matrix).toarray()
    assert np.diag(gram) == pytest.approx(np.ones(4))
    assert gram[0, 1] == pytest.approx(1.0)
    assert gram[0, 3] == pytest.approx(0.4)
    assert gram[0, 3] < gram[0, 2] < gram[0, 1]


def test_unknown_times_are_one_sitting(make_index):
    index = make_index(["a", "b", "c"])
    rows = choose([("u", "a", None), ("u", "b", None), ("v", "a", None), ("v", "c", None)])
    plain, sittings = choice_matrix(rows, index), sitting_matrix(rows, index, share=0.6)
    assert (sittings.T @ sittings).toarray() == pytest.approx((plain.T @ plain).toarray())
    assert sitting_matrix(rows.drop("age_days"), index, share=0.6).shape == sittings.shape


def test_a_share_of_sittings_above_one_is_refused(make_index):
    with pytest.raises(StepError, match=r"1\.5"):
        sitting_matrix(choose([("u", "a", 1.0)]), make_index(["a"]), share=1.5)


@pytest.mark.parametrize(("model", "ease_max_items"), [("auto", 100), ("auto", 5), ("ease", 10), ("als", 100)])
def test_people_of_a_taste_get_items_of_that_taste(make_index, make_shard, model, ease_max_items):
    index = make_index([f"i{n:02}" for n in range(12)])
    config = CandidatesConfig(
        collaborative_model=model, ease_max_items=ease_max_items, ease_regularization=1.0, als_factors=2
    )
    source = fit_collaborative(choose(draw_choices(n_users=400)), index, config)
    history = [("new", f"i{n:02}", 1.0, 0.0) for n in (0, 2, 4, 6)]
    shard = make_shard(index, ["new", "blank"], history=history)
    found = source.retrieve(shard, np.array([9, 9])).filter(~pl.col("item").is_in([0, 2, 4, 6]))
    assert len(found) > 0
    assert set(found["user"]) == {0}
    assert found["item"][0] % 2 == 0


def test_scores_of_pairs_are_those_of_the_list(make_index, make_shard, monkeypatch):
    index = make_index([f"i{n:02}" for n in range(13)])
    source = fit_collaborative(choose(draw_choices()), index, CandidatesConfig())
    history = [("u", "i00", 1.0, 0.0), ("u", "i03", 0.5, 1.0), ("v", "i05", 1.0, 0.0), ("w", "i01", -1.0, 0.0)]
    shard = make_shard(index, ["u", "v", "w"], history=history)
    monkeypatch.setattr("tasks.retrieval.collaborative.BLOCK_CELLS", 12)
    users, items = np.divmod(np.arange(39), 13)
    scores = source.score_pairs(shard, Pairs(users, items)).reshape(3, 13)
    assert np.isnan(scores[2]).all()
    assert np.isnan(scores[:, 12]).all()
    for user, item, score in source.retrieve(shard, np.full(3, 20)).select("user", "item", "score").iter_rows():
        assert scores[user, item] == pytest.approx(score, abs=1e-6)


def test_inactive_items_are_scored_and_never_retrieved(make_index, make_shard):
    ids = [f"i{n:02}" for n in range(12)]
    index = make_index(ids, is_active=[item != "i02" for item in ids])
    source = fit_collaborative(choose(draw_choices()), index, CandidatesConfig(ease_regularization=1.0))
    shard = make_shard(index, ["u"], history=[("u", "i00", 1.0, 0.0)])
    assert 2 not in source.retrieve(shard, np.array([20]))["item"].to_list()
    assert source.score_pairs(shard, Pairs(np.array([0]), np.array([2])))[0] > 0


def test_without_a_choice_there_is_no_source(make_index):
    rows = choose([("u", "unknown", 1.0)])
    assert fit_collaborative(rows, make_index(["a"]), CandidatesConfig()) is None
    disliked = choose([("u", "a", 1.0)]).with_columns(weight=pl.lit(-1.0))
    assert fit_collaborative(disliked, make_index(["a"]), CandidatesConfig()) is None


def test_a_user_unknown_to_the_fit_is_scored_like_one_with_the_same_history(make_index, make_shard):
    index = make_index([f"i{n:02}" for n in range(12)])
    rows = choose(draw_choices())
    source = fit_collaborative(rows, index, CandidatesConfig())
    assert isinstance(source, Collaborative)
    known = [(item, 1.0, 0.0) for user, item in rows.select("user_id", "item_id").iter_rows() if user == "u000"]
    shard = make_shard(index, ["u000", "new"], history=[(user, *row) for row in known for user in ("u000", "new")])
    users, items = np.divmod(np.arange(24), 12)
    scores = source.score_pairs(shard, Pairs(users, items)).reshape(2, 12)
    assert np.array_equal(scores[0], scores[1])
