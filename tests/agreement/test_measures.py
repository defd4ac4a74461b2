from __future__ import annotations

import math

import krippendorff
import numpy as np
import polars as pl
import pytest

from tasks.agreement import count_confusion, measure_alpha, measure_pair, measure_pairs
from tasks.agreement.measures import alpha_of_coincidences, coincidences
from tasks.contracts.errors import ConfigError, StepError

GRADES = ("0", "1", "2", "3")


def answers_of(**columns):
    """One column of answers a labeler: None is an abstention, "-" a question that was not asked."""
    rows = [
        {"question_key": f"q{place:04}", "labeler": labeler, "answer": answer}
        for labeler, given in columns.items()
        for place, answer in enumerate(given)
        if answer != "-"
    ]
    return pl.DataFrame(rows, schema={"question_key": pl.String, "labeler": pl.String, "answer": pl.String})


def pair_of(first, second, *, classes=GRADES, is_ordinal=True, **options):
    return measure_pair(
        answers_of(a=first, b=second), "a", "b", classes=classes, is_ordinal=is_ordinal, seed=0, **options
    )


def test_kappa_is_that_of_the_textbook():
    # Two readers of fifty proposals: 20 both yes, 15 both no, 5 and 10 apart; p_o = .7, p_e = .5.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = pair_of(first, second, classes=("yes", "no"), is_ordinal=False)
    assert found.agreement.value == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.kappa.n == found.n_answered == 50
    assert math.isnan(found.weighted_kappa.value)


def test_weighted_kappa_by_hand():
    # Pairs 00 11 22 02: observed cost 4; expected (2·(1+8) + (1+2) + (4+1)) / 4 = 6.5.
    found = pair_of(["0", "1", "2", "0"], ["0", "1", "2", "2"])
    assert found.weighted_kappa.value == pytest.approx(1 - 4 / 6.5)


def test_far_errors_cost_more_than_near_ones_only_for_ordinal_answers():
    truth = list("0123" * 10)
    near = ["1", *truth[1:]]
    far = ["3", *truth[1:]]
    assert pair_of(truth, near).weighted_kappa.value > pair_of(truth, far).weighted_kappa.value
    assert pair_of(truth, near).agreement.value == pair_of(truth, far).agreement.value


@pytest.mark.parametrize(("is_ordinal", "expected"), [(False, 0.743), (True, 0.815)])
def test_alpha_is_that_of_krippendorffs_example(is_ordinal, expected):
    # Krippendorff (2011), Computing Krippendorff's alpha-reliability, data C: four observers, twelve units, gaps.
    answers = answers_of(
        a=["1", "2", "3", "3", "2", "1", "4", "1", "2", "-", "-", "-"],
        b=["1", "2", "3", "3", "2", "2", "4", "1", "2", "5", "-", "3"],
        c=["-", "3", "3", "3", "2", "3", "4", "2", "2", "5", "1", "-"],
        d=["1", "2", "3", "3", "2", "4", "4", "1", "2", "5", "1", "-"],
    )
    found = measure_alpha(answers, classes=tuple("12345"), is_ordinal=is_ordinal, seed=0)
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert found.n == 11
    assert found.low < found.value <= found.high


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_resampled_alpha_has_the_formula_of_the_library(scale):
    counts = np.random.default_rng(1).integers(0, 3, size=(40, 4))
    matrix = coincidences(counts.astype(float)).sum(axis=0).reshape(1, 4, 4)
    expected = krippendorff.alpha(value_counts=counts, level_of_measurement=scale)
    assert alpha_of_coincidences(matrix, is_ordinal=scale == "ordinal")[0] == pytest.approx(expected)


def test_interval_of_agreement_is_the_binomial_one():
    rng = np.random.default_rng(2)
    second = np.where(rng.random(2000) < 0.8, "0", "1").tolist()
    found = pair_of(["0"] * 2000, second, n_resamples=4000).agreement
    half = 1.96 * math.sqrt(found.value * (1 - found.value) / 2000)
    assert found.low == pytest.approx(found.value - half, abs=0.003)
    assert found.high == pytest.approx(found.value + half, abs=0.003)


def test_one_class_leaves_kappa_and_alpha_undefined_and_agreement_one():
    found = pair_of(["0"] * 5, ["0"] * 5)
    assert found.agreement.value == 1.0
    assert math.isnan(found.kappa.value)
    assert math.isnan(found.weighted_kappa.value)
    assert math.isnan(
        measure_alpha(answers_of(a=["0"] * 5, b=["0"] * 5), classes=GRADES, is_ordinal=True, seed=0).value
    )


def test_no_shared_question_leaves_everything_undefined():
    found = pair_of(["0", "1", "-", "-"], ["-", "-", "0", "1"])
    assert found.n_answered == 0
    assert math.isnan(found.agreement.value)
    assert math.isnan(found.kappa.value)


def test_one_question_has_a_value_and_no_interval():
    found = pair_of(["0"], ["3"])
    assert (found.agreement.value, found.kappa.value) == (0.0, 0.0)
    assert math.isnan(found.agreement.low)
    assert math.isnan(found.agreement.high)


def test_abstentions_count_in_the_confusion_and_in_no_measure():
    first = ["0", "1", None, "2", None, "-"]
    second = ["0", "2", "1", None, None, "3"]
    found = pair_of(first, second)
    assert (found.n_answered, found.n_abstained) == (2, 3)
    assert found.agreement.value == 0.5
    table = count_confusion(answers_of(a=first, b=second), "a", "b", classes=("0", "1", "2", "3"))
    assert table.columns == ["answer", *GRADES, "none"]
    assert table.rows() == [
        ("0", 1, 0, 0, 0, 0),
        ("1", 0, 0, 1, 0, 0),
        ("2", 0, 0, 0, 0, 1),
        ("3", 0, 0, 0, 0, 0),
        ("none", 0, 1, 0, 0, 1),
    ]


def test_a_class_called_none_is_refused_in_a_confusion():
    with pytest.raises(ConfigError, match="class 'none' can't be told from an abstention"):
        count_confusion(answers_of(a=["none"], b=["x"]), "a", "b", classes=("none", "x"))


def test_table_has_every_pair_once_and_null_where_undefined():
    answers = answers_of(b=["0", "1", "2"], a=["0", "1", "1"], c=["-", "-", None])
    table = measure_pairs(answers, classes=GRADES, is_ordinal=True, seed=0)
    assert table.select("first", "second").rows() == [("a", "b"), ("a", "c"), ("b", "c")]
    assert table["n_answered"].to_list() == [2 + 1, 0, 0]
    assert table["agreement"].to_list() == [pytest.approx(2 / 3), None, None]


def test_row_order_changes_nothing_and_the_seed_only_the_interval():
    rng = np.random.default_rng(3)
    answers = answers_of(**{name: rng.choice(list(GRADES), 60).tolist() for name in "abc"})
    shuffled = answers.sample(fraction=1.0, shuffle=True, seed=5)

    def table(frame, seed):
        return measure_pairs(frame, classes=GRADES, is_ordinal=True, seed=seed)

    assert table(answers, 0).equals(table(shuffled, 0))
    other = table(answers, 1)
    assert other["kappa"].equals(table(answers, 0)["kappa"])
    assert not other["kappa_low"].equals(table(answers, 0)["kappa_low"])


def test_unknown_class_labeler_and_repeats_are_refused_by_name():
    with pytest.raises(StepError, match="answer '5' of labeler 'b' to question 'q0000'; expected one of 0, 1, 2, 3"):
        pair_of(["0"], ["5"])
    with pytest.raises(StepError, match="labeler 'z' has no answer; expected one of a, b"):
        measure_pair(answers_of(a=["0"], b=["0"]), "a", "z", classes=GRADES, is_ordinal=True, seed=0)
    twice = pl.concat([answers_of(a=["0"])] * 2)
    with pytest.raises(StepError, match="labeler 'a' answers question 'q0000' twice"):
        measure_alpha(twice, classes=GRADES, is_ordinal=True, seed=0)
    with pytest.raises(ConfigError, match="class '0' stands twice"):
        pair_of(["0"], ["0"], classes=("0", "0"))
