from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.agreement import choose_method, combine
from tasks.agreement.ordinal_odds import fit_ordinal_odds
from tasks.contracts.errors import ConfigError, StepError

GRADES = ("0", "1", "2", "3")
TOPICS = ("sport", "tech", "arts")


def frame_of(given, classes):
    """(n, labelers) codes as a long frame."""
    n, size = given.shape
    return pl.DataFrame(
        {
            "question_key": np.repeat([f"q{row:04}" for row in range(n)], size),
            "labeler": [f"labeler{place}" for place in range(size)] * n,
            "answer": [classes[code] for code in given.ravel()],
        }
    )


def gold_of(truth, rows, classes, *, n_groups=5):
    return pl.DataFrame(
        {
            "question_key": [f"q{row:04}" for row in rows],
            "answer": [classes[truth[row]] for row in rows],
            "group": [f"user{row % n_groups}" for row in rows],
        }
    )


def simulate_grades(*, bias=0, noise=0.6, n=500, n_labelers=5, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    given = truth[:, None] + bias + rng.normal(0, noise, (n, n_labelers))
    return np.clip(np.round(given), 0, 3).astype(int), truth


def learn(given, gold, *, classes=GRADES, is_ordinal=True, method="learned", seed=0):
    return combine(
        frame_of(given, classes), method=method, classes=classes, is_ordinal=is_ordinal, gold=gold, seed=seed
    )


def codes_of(found, classes=GRADES):
    return np.array([classes.index(answer) for answer in found["answer"]])


def test_gold_corrects_labelers_who_all_grade_too_high():
    given, truth = simulate_grades(bias=1)
    found = learn(given, gold_of(truth, range(200), GRADES))
    plain = learn(given, None, method="auto")
    rest = slice(200, None)
    assert np.mean(codes_of(found)[rest] == truth[rest]) > np.mean(codes_of(plain)[rest] == truth[rest]) + 0.2
    assert "gold changes weighted_mean" in found["reason"][0]


def test_gold_finds_the_one_labeler_who_knows():
    rng = np.random.default_rng(3)
    truth = rng.choice(4, 600)
    crowd = rng.choice(4, 600)
    copies = [np.where(rng.random(600) < 0.9, crowd, rng.choice(4, 600)) for _ in range(4)]
    given = np.column_stack([truth, *copies])
    found, plain = learn(given, gold_of(truth, range(200), GRADES)), learn(given, None, method="auto")
    rest = slice(200, None)
    error = [np.abs(codes_of(frame)[rest] - truth[rest]).mean() for frame in (found, plain)]
    assert error[0] < error[1] - 0.3


def test_gold_without_news_keeps_the_default_answers():
    given, truth = simulate_grades()
    found, plain = learn(given, gold_of(truth, range(60), GRADES)), learn(given, None, method="auto")
    assert found["answer"].equals(plain["answer"])
    assert found["reason"][0] == "gold keeps the answers of weighted_mean"


def test_learned_confidence_is_the_share_that_is_right():
    given, truth = simulate_grades(noise=1.0, n=2000)
    found = learn(given, gold_of(truth, range(400), GRADES))
    right = codes_of(found)[400:] == truth[400:]
    assert found["confidence"][400:].mean() == pytest.approx(right.mean(), abs=0.05)
    assert found["score"].is_between(0, 3).all()


@pytest.mark.parametrize("is_ordinal", [True, False])
def test_gold_answers_are_not_handed_through(is_ordinal):
    given, truth = simulate_grades()
    given[0] = given[0, 0]
    truth[0] = (given[0, 0] + 2) % 4
    found = learn(given, gold_of(truth, range(200), GRADES), is_ordinal=is_ordinal)
    assert found["answer"][0] == GRADES[given[0, 0]]


def test_what_is_not_gold_cannot_change_what_is_learned():
    given, truth = simulate_grades(bias=1)
    gold = gold_of(truth, range(200), GRADES)
    unknown = gold.with_columns(question_key=pl.lit("absent-") + pl.col("question_key"))
    first = learn(given, gold)
    assert first.equals(learn(given, pl.concat([gold, unknown])))
    assert first.equals(learn(given, pl.concat([gold, gold_of(truth, [300], GRADES).with_columns(answer=None)])))


def test_row_order_and_repetition_change_nothing():
    given, truth = simulate_grades(bias=1)
    gold = gold_of(truth, range(200), GRADES).drop("group")
    first = learn(given, gold)
    rows = frame_of(given, GRADES).sample(fraction=1.0, shuffle=True, seed=2)
    shuffled = gold.sample(fraction=1.0, shuffle=True, seed=3)
    second = combine(rows, method="learned", classes=GRADES, is_ordinal=True, gold=shuffled, seed=0)
    assert first.equals(second)


def test_nominal_gold_overrules_a_clique():
    rng = np.random.default_rng(5)
    truth, copied = rng.integers(0, 3, 600), rng.integers(0, 3, 600)
    clique = [np.where(rng.random(600) < 0.9, copied, rng.integers(0, 3, 600)) for _ in range(3)]
    good = [np.where(rng.random(600) < 0.9, truth, rng.integers(0, 3, 600)) for _ in range(2)]
    given = np.column_stack([*good, *clique])
    options = {"classes": TOPICS, "is_ordinal": False}
    found = learn(given, gold_of(truth, range(300), TOPICS), **options)
    plain = learn(given, None, method="auto", **options)
    rest = slice(300, None)
    assert np.mean(codes_of(found, TOPICS)[rest] == truth[rest]) > 0.8
    assert np.mean(codes_of(plain, TOPICS)[rest] == truth[rest]) < 0.6
    assert found["confidence"].is_between(0, 1).all()


@pytest.mark.parametrize(
    ("rows", "n_groups", "reason"),
    [
        (range(49), 10, "gold answers 49 of the questions; learning needs 50"),
        (range(100), 1, "all gold comes from one group"),
    ],
)
def test_too_little_gold_falls_back_and_says_so(rows, n_groups, reason):
    given, truth = simulate_grades()
    found = learn(given, gold_of(truth, rows, GRADES, n_groups=n_groups))
    assert found["method"][0] == "weighted_mean"
    assert reason in found["reason"][0]
    assert found["answer"].equals(learn(given, None, method="auto")["answer"])


def test_gold_of_one_class_falls_back():
    given, _ = simulate_grades()
    found = learn(given, gold_of(np.zeros(500, dtype=int), range(100), GRADES))
    assert "all gold answers are the same" in found["reason"][0]


def test_auto_learns_once_there_is_gold():
    given, truth = simulate_grades()
    choice = choose_method(
        frame_of(given, GRADES), classes=GRADES, is_ordinal=True, gold=gold_of(truth, range(60), GRADES)
    )
    assert (choice.method, choice.reason) == ("learned", "there is enough gold to learn from")


def test_wrong_gold_is_refused_by_name():
    given, truth = simulate_grades(n=60)
    gold = gold_of(truth, range(55), GRADES)
    with pytest.raises(ConfigError, match="method 'learned' needs gold"):
        learn(given, None)
    with pytest.raises(StepError, match="gold answer '7' to question 'q0000'; expected one of 0, 1, 2, 3"):
        learn(given, gold.with_columns(answer=pl.lit("7")))
    with pytest.raises(StepError, match="gold answers question 'q0000' twice"):
        learn(given, pl.concat([gold, gold.head(1)]))
    with pytest.raises(StepError, match="gold lacks the column 'answer'"):
        learn(given, gold.drop("answer"))


def test_proportional_odds_recover_the_model_they_assume():
    rng = np.random.default_rng(7)
    scores = rng.uniform(0, 3, 5000)
    latent = 2.0 * scores + rng.logistic(size=5000)
    grades = np.searchsorted([1.0, 3.0, 5.0], latent)
    fitted = fit_ordinal_odds(scores, grades, 4)
    assert fitted.slope == pytest.approx(2.0, abs=0.15)
    assert fitted.thresholds == pytest.approx([1.0, 3.0, 5.0], abs=0.25)
    assert fitted.predict(scores).sum(axis=1) == pytest.approx(1.0)
