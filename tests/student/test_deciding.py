"""Who wins when answers contradict each other, and whose answer it is called."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.student.deciding import UNANSWERED, Answers, Source, decide


def answer(code: int, error: float) -> Answers:
    return Answers(np.array([code]), error)


def student(confidence: float) -> np.ndarray:
    """Class 0 with the given probability, the rest evenly over 1 and 2."""
    return np.array([[confidence, (1 - confidence) / 2, (1 - confidence) / 2]])


def test_sure_student_and_cheap_overrule_the_strong_model() -> None:
    decided = decide(student(0.97), cheap=answer(0, 0.1), strong=answer(1, 0.068))
    assert (decided.codes[0], decided.sources) == (0, [Source.CHEAP])
    odds = (0.97 * 0.9 * 0.034) / (0.015 * 0.05 * 0.932)
    assert decided.posterior[0, 0] / decided.posterior[0, 1] == pytest.approx(odds)


def test_strong_model_overrules_a_doubtful_student() -> None:
    decided = decide(student(0.6), cheap=answer(2, 0.2), strong=answer(1, 0.068))
    assert (decided.codes[0], decided.sources) == (1, [Source.STRONG])


def test_person_overrules_everybody() -> None:
    decided = decide(student(0.9), cheap=answer(0, 0.1), strong=answer(0, 0.068), people=answer(2, 0.0001))
    assert (decided.codes[0], decided.sources) == (2, [Source.PEOPLE])


def test_student_at_its_threshold_is_not_talked_out_of_it() -> None:
    decided = decide(student(0.95), cheap=answer(1, 0.01), threshold=0.95)
    assert (decided.codes[0], decided.sources) == (0, [Source.STUDENT])
    assert decided.confidence[0] == pytest.approx(0.95)


def test_agreement_below_the_threshold_is_the_cheap_labelers() -> None:
    decided = decide(student(0.7), cheap=answer(0, 0.1), threshold=0.9)
    assert decided.sources == [Source.CHEAP]
    assert decided.confidence[0] > 0.7


@pytest.mark.parametrize("cheap", [None, answer(1, 0.1), answer(UNANSWERED, 0.1)])
def test_what_nobody_settled_is_disputed(cheap: Answers | None) -> None:
    assert decide(student(0.7), cheap=cheap, threshold=0.9).sources == [Source.DISPUTED]


def test_three_ways_apart_stays_disputed_below_the_least_confidence() -> None:
    decided = decide(student(0.6), cheap=answer(1, 0.3), strong=answer(2, 0.5), min_confidence=0.9)
    assert decided.sources == [Source.DISPUTED]


def test_pooled_probabilities_are_averaged_not_multiplied() -> None:
    proba = student(0.8)
    assert decide(proba, pooled=proba).posterior == pytest.approx(proba)
    assert decide(proba, pooled=np.zeros((1, 3))).posterior == pytest.approx(proba)
    assert decide(proba, pooled=proba[:, ::-1], pooled_share=0.9).codes[0] == 2


def test_confusion_matrix_knows_which_error_is_likely() -> None:
    matrix = np.array([[0.6, 0.4, 0.0], [0.05, 0.95, 0.0], [0.0, 0.0, 1.0]])
    decided = decide(student(0.8), strong=Answers(np.array([1]), matrix))
    assert decided.codes[0] == 0
    assert decided.posterior[0, 2] < 1e-6


def test_every_order_of_items_gives_the_same() -> None:
    generator = np.random.default_rng(0)
    proba = generator.dirichlet(np.ones(4), 50)
    strong = generator.integers(-1, 4, 50)
    order = generator.permutation(50)
    one = decide(proba, strong=Answers(strong, 0.1), threshold=0.8)
    other = decide(proba[order], strong=Answers(strong[order], 0.1), threshold=0.8)
    assert np.array_equal(one.codes[order], other.codes)
    assert [one.sources[row] for row in order] == other.sources


def test_no_items_need_no_decision() -> None:
    assert decide(np.empty((0, 3)), strong=Answers(np.empty(0, np.intp), 0.1)).sources == []


def test_answers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LabelerError, match="answers run from 3 to 3; expected -1 to 2"):
        decide(student(0.8), strong=answer(3, 0.1))
    with pytest.raises(LabelerError, match="error rate is 1.5"):
        decide(student(0.8), strong=answer(1, 1.5))
    with pytest.raises(LabelerError, match=r"pooled has shape \(1, 2\)"):
        decide(student(0.8), pooled=np.ones((1, 2)) / 2)
