from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.agreement import METHODS, choose_method, combine
from tasks.contracts.errors import ConfigError, StepError

GRADES = ("0", "1", "2", "3")
TOPICS = ("sport", "tech", "arts")
UNSUPERVISED = [method for method in METHODS if method != "learned"]


def answers_of(*rows):
    """Rows of (question, labeler, answer[, confidence])."""
    padded = [(*row, None)[:4] for row in rows]
    schema = {"question_key": pl.String, "labeler": pl.String, "answer": pl.String, "confidence": pl.Float64}
    return pl.DataFrame(padded, schema=schema, orient="row")


def one_question(*given, classes=GRADES, is_ordinal=True, method="majority"):
    rows = [
        ("q", f"labeler{place}", *(answer if isinstance(answer, tuple) else (answer,)))
        for place, answer in enumerate(given)
    ]
    return combine(answers_of(*rows), method=method, classes=classes, is_ordinal=is_ordinal, seed=0).row(0, named=True)


def simulate(skills, *, n=600, classes=TOPICS, seed=0, n_asked=None):
    """(answers, truth) of labelers who are right with these skills and else pick another class at random."""
    rng = np.random.default_rng(seed)
    size = len(classes)
    truth = rng.integers(0, size, n)
    frames = []
    for place, skill in enumerate(skills):
        wrong = (truth + rng.integers(1, size, n)) % size
        given = np.where(rng.random(n) < skill, truth, wrong)
        asked = rng.permutation(n)[: n_asked or n]
        frames.append(
            pl.DataFrame(
                {
                    "question_key": [f"q{row:05}" for row in asked],
                    "labeler": f"labeler{place}",
                    "answer": [classes[given[row]] for row in asked],
                }
            )
        )
    return pl.concat(frames), [classes[code] for code in truth]


def accuracy(answers, truth, method, *, classes=TOPICS, is_ordinal=False):
    found = combine(answers, method=method, classes=classes, is_ordinal=is_ordinal, seed=0)
    right = dict(zip((f"q{row:05}" for row in range(len(truth))), truth, strict=True))
    return np.mean([right[key] == answer for key, answer in found.select("question_key", "answer").iter_rows()])


def test_majority_counts_votes_and_says_their_share():
    found = one_question("2", "2", "0", "2")
    assert (found["answer"], found["confidence"], found["score"], found["n_labelers"]) == ("2", 0.75, 1.5, 4)
    assert (found["method"], found["reason"]) == ("majority", None)


def test_a_tie_goes_to_the_greater_stated_confidence():
    assert one_question(("0", 0.6), ("3", 0.9))["answer"] == "3"


def test_confidence_breaks_no_tie_where_a_labeler_states_none():
    assert one_question(("0", None), ("3", 0.9))["answer"] == "0"


def test_a_tie_of_grades_goes_to_the_one_nearest_the_mean_then_to_the_lower():
    assert one_question("0", "0", "2", "2", "3")["answer"] == "2"
    assert one_question("1", "2")["answer"] == "1"


def test_a_tie_of_topics_goes_to_the_first_class():
    assert one_question("arts", "tech", classes=TOPICS, is_ordinal=False)["answer"] == "tech"


def test_weights_of_rows_count_as_votes():
    answers = answers_of(("q", "a", "0"), ("q", "b", "3"), ("q", "c", "3")).with_columns(
        weight=pl.Series([3.0, 1.0, 1.0])
    )
    found = combine(answers, method="majority", classes=GRADES, is_ordinal=True, seed=0).row(0, named=True)
    assert (found["answer"], found["confidence"]) == ("0", 0.6)


def test_mean_keeps_the_labelers_own_distribution_where_rounding_loses_its_ends():
    rows = []
    for place, (first, second) in enumerate([("0", "0")] * 6 + [("2", "3"), ("3", "2"), ("3", "3"), ("2", "2")]):
        rows += [(f"q{place}", "a", first), (f"q{place}", "b", second)]
    found = combine(answers_of(*rows), method="mean", classes=GRADES, is_ordinal=True, seed=0)
    assert found["score"].to_list() == [0.0] * 6 + [2.5, 2.5, 3.0, 2.0]
    assert found["answer"].value_counts().sort("answer").rows() == [("0", 6), ("2", 1), ("3", 3)]


@pytest.mark.parametrize("method", UNSUPERVISED)
def test_what_all_labelers_say_stands(method):
    rng = np.random.default_rng(0)
    given = rng.choice(GRADES, 60, p=[0.7, 0.1, 0.1, 0.1])
    rows = [(f"q{place:02}", labeler, answer) for place, answer in enumerate(given) for labeler in "abc"]
    found = combine(answers_of(*rows), method=method, classes=GRADES, is_ordinal=True, seed=0)
    assert found["answer"].to_list() == given.tolist()
    assert found["score"].to_list() == pytest.approx(given.astype(float), abs=1e-6)


@pytest.mark.parametrize("method", ["one_coin", "dawid_skene", "auto"])
def test_models_of_skill_beat_majority_where_skills_differ(method):
    answers, truth = simulate([0.95, 0.9, 0.45, 0.45, 0.45, 0.45])
    assert accuracy(answers, truth, method) > accuracy(answers, truth, "majority") + 0.03


def test_dawid_skene_sees_what_one_coin_cannot():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 800)
    rows = []
    for place in range(5):
        # Says "tech" of nearly all tech and of 60 % of sport: errors that go one way only.
        given = np.where(truth == 1, rng.random(800) < 0.98, rng.random(800) < 0.6).astype(int)
        rows += [(f"q{row:05}", f"labeler{place}", TOPICS[code]) for row, code in enumerate(given)]
    answers, names = answers_of(*rows), [TOPICS[code] for code in truth]
    both = {method: accuracy(answers, names, method) for method in ("dawid_skene", "one_coin", "majority")}
    assert both["dawid_skene"] > max(both["one_coin"], both["majority"]) + 0.02


def test_weighted_mean_leans_to_the_labelers_who_are_confirmed_by_others():
    answers, truth = simulate([0.9, 0.9, 0.9, 0.3, 0.3, 0.3, 0.3], classes=GRADES)

    def error(method):
        found = combine(answers, method=method, classes=GRADES, is_ordinal=True, seed=0)
        return np.abs(found["score"].to_numpy() - np.array(truth, dtype=float)).mean()

    assert error("weighted_mean") < error("mean") - 0.1


@pytest.mark.parametrize("method", UNSUPERVISED)
def test_abstentions_and_missing_answers(method):
    answers, _ = simulate([0.9, 0.8, 0.7], n=80, n_asked=50, classes=GRADES)
    silent = answers_of(("zz", "labeler0", None), ("zz", "labeler1", None)).drop("confidence")
    found = combine(pl.concat([answers, silent]), method=method, classes=GRADES, is_ordinal=True, seed=0)
    assert found.row(-1)[:5] == ("zz", None, None, None, 0)
    answered = found.head(-1)
    assert answered.select("answer", "confidence", "score").null_count().sum_horizontal()[0] == 0
    assert answered["confidence"].is_between(0, 1).all()
    assert answered["score"].is_between(0, 3).all()
    asked = answers.group_by("question_key").len().sort("question_key")
    assert answered["n_labelers"].to_list() == asked["len"].to_list()


@pytest.mark.parametrize("method", UNSUPERVISED)
def test_row_order_changes_nothing(method):
    answers, _ = simulate([0.9, 0.6, 0.5], n=120, n_asked=90, classes=GRADES)
    shuffled = answers.sample(fraction=1.0, shuffle=True, seed=9)
    first, second = (
        combine(rows, method=method, classes=GRADES, is_ordinal=True, seed=0) for rows in (answers, shuffled)
    )
    assert first.equals(second)
    assert first["question_key"].is_sorted()


@pytest.mark.parametrize("method", UNSUPERVISED)
def test_one_labeler_is_repeated_and_no_answer_gives_no_row(method):
    answers = answers_of(("q1", "a", "3"), ("q2", "a", "0"), ("q3", "a", "0"))
    found = combine(answers, method=method, classes=GRADES, is_ordinal=True, seed=0)
    assert found["answer"].to_list() == ["3", "0", "0"]
    assert combine(answers.head(0), method=method, classes=GRADES, is_ordinal=True, seed=0).is_empty()


@pytest.mark.parametrize(
    ("n_labelers", "n", "is_ordinal", "expected"),
    [
        (2, 60, True, "mean"),
        (2, 60, False, "majority"),
        (3, 60, True, "weighted_mean"),
        (3, 60, False, "one_coin"),
        (3, 20, True, "mean"),
    ],
)
def test_auto_takes_what_the_answers_can_carry_and_says_why(n_labelers, n, is_ordinal, expected):
    answers, _ = simulate([0.8] * n_labelers, n=n)
    choice = choose_method(answers, classes=TOPICS, is_ordinal=is_ordinal)
    assert choice.method == expected
    assert choice.reason.startswith("no gold; ")
    found = combine(answers, classes=TOPICS, is_ordinal=is_ordinal, seed=0)
    assert (found["method"][0], found["reason"][0]) == (expected, choice.reason)


def test_nominal_answers_have_no_score():
    answers, _ = simulate([0.8] * 3, n=40)
    assert combine(answers, classes=TOPICS, is_ordinal=False, seed=0)["score"].null_count() == 40


def test_wrong_input_is_refused_by_name():
    answers = answers_of(("q", "a", "sprot"))
    with pytest.raises(
        StepError, match="answer 'sprot' of labeler 'a' to question 'q'; expected one of sport, tech, arts"
    ):
        combine(answers, classes=TOPICS, is_ordinal=False, seed=0)
    with pytest.raises(StepError, match="confidence 1.5 of labeler 'a'"):
        combine(answers_of(("q", "a", "tech", 1.5)), classes=TOPICS, is_ordinal=False, seed=0)
    with pytest.raises(ConfigError, match="unknown method 'wawa'; expected one of auto, majority"):
        combine(answers_of(("q", "a", "tech")), method="wawa", classes=TOPICS, is_ordinal=False, seed=0)
    with pytest.raises(ConfigError, match="method 'mean' needs ordinal answers"):
        combine(answers_of(("q", "a", "tech")), method="mean", classes=TOPICS, is_ordinal=False, seed=0)
    with pytest.raises(StepError, match="answers lack the column 'labeler'"):
        combine(answers.drop("labeler"), classes=TOPICS, is_ordinal=False, seed=0)
    with pytest.raises(ConfigError, match="classes are empty"):
        combine(answers, classes=(), is_ordinal=False, seed=0)
