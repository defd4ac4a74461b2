"""The student learns from few, missing, noisy and weak labels, says so honestly, and comes back from its JSON."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import LabelerError
from tasks.student.fitting import WeakLabels, assign_folds, cross_fit_student, fit_student
from tasks.student.model import Student

CLASSES = ("sport", "tech", "politics")


def make_items(n: int, *, seed: int = 0, spread: float = 0.35) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around three centres in 16 dimensions, and the class of each."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 3, n)
    vectors = np.eye(3, 16)[codes] + spread * generator.normal(size=(n, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), codes


def names_of(codes: np.ndarray) -> list[str]:
    return [CLASSES[code] for code in codes]


def test_student_learns_and_its_probabilities_sum_to_one() -> None:
    vectors, codes = make_items(300)
    student = fit_student(vectors[:200], names_of(codes[:200]), classes=CLASSES, seed=0)
    proba = student.predict_proba(vectors[200:])
    assert proba.shape == (100, 4)
    assert np.allclose(proba.sum(axis=1), 1)
    assert (proba.argmax(axis=1) == codes[200:]).mean() > 0.8
    assert student.columns == (*CLASSES, "")


def test_out_of_fold_confidence_is_honest_where_the_students_own_is_not_asked() -> None:
    vectors, codes = make_items(400, spread=0.5)
    held_out = cross_fit_student(vectors, names_of(codes), classes=CLASSES, seed=0).out_of_fold
    assert abs(held_out.max(axis=1).mean() - (held_out.argmax(axis=1) == codes).mean()) < 0.04


def test_class_without_an_example_keeps_a_little_probability() -> None:
    vectors, codes = make_items(100)
    seen = codes != 2
    student = fit_student(vectors[seen], names_of(codes[seen]), classes=CLASSES, seed=0)
    proba = student.predict_proba(vectors)
    assert student.fitted == (0, 1)
    assert (proba[:, 2] > 0).all()
    assert (proba[:, 2] < 0.05).all()
    assert (proba[seen].argmax(axis=1) == codes[seen]).mean() > 0.8


def test_none_is_a_class_like_the_others() -> None:
    vectors, codes = make_items(200)
    labels = [None if code == 2 else CLASSES[code] for code in codes]
    proba = fit_student(vectors, labels, classes=CLASSES, seed=0).predict_proba(vectors)
    assert (proba[codes == 2].argmax(axis=1) == 3).mean() > 0.8


@pytest.mark.parametrize("n", [1, 12])
def test_one_class_only_is_answered_with_no_more_certainty_than_its_labels_give(n: int) -> None:
    vectors, _ = make_items(n)
    proba = fit_student(vectors, ["sport"] * n, classes=CLASSES, seed=0).predict_proba(vectors)
    assert (proba.argmax(axis=1) == 0).all()
    assert proba.max() == pytest.approx(1 - 0.75 / (n + 2))


def test_weak_labels_help_when_trusted_ones_are_few() -> None:
    vectors, codes = make_items(600, spread=0.45)
    generator = np.random.default_rng(1)
    guessed = np.where(generator.random(600) < 0.1, (codes + 1) % 3, codes)
    weak = WeakLabels(vectors, names_of(guessed), np.full(600, 0.9))
    few = slice(0, 12)
    alone = fit_student(vectors[few], names_of(codes[few]), classes=CLASSES, seed=0)
    helped = fit_student(vectors[few], names_of(codes[few]), classes=CLASSES, weak=weak, seed=0)
    scores = [(one.predict_proba(vectors[12:]).argmax(axis=1) == codes[12:]).mean() for one in (alone, helped)]
    assert scores[1] > scores[0] + 0.02


def test_weak_labels_alone_are_imitated() -> None:
    vectors, codes = make_items(200)
    weak = WeakLabels(vectors, names_of(codes), np.ones(200))
    student = fit_student(np.empty((0, 16), np.float32), [], classes=CLASSES, weak=weak, seed=0)
    assert (student.predict_proba(vectors).argmax(axis=1) == codes).mean() > 0.8
    assert student.log_loss is None


def test_stated_label_error_makes_the_student_surer_of_the_truth() -> None:
    vectors, codes = make_items(500, spread=0.2)
    generator = np.random.default_rng(0)
    noisy = np.where(generator.random(500) < 0.1, (codes + 1) % 3, codes)
    sure = [
        cross_fit_student(vectors, names_of(noisy), classes=CLASSES, label_error=error, seed=0).out_of_fold
        for error in (0.0, 0.1)
    ]
    accuracy = (sure[1].argmax(axis=1) == codes).mean()
    assert abs(sure[1].max(axis=1).mean() - accuracy) < abs(sure[0].max(axis=1).mean() - accuracy)


def test_label_of_weight_zero_is_not_learned_from() -> None:
    vectors, codes = make_items(120)
    labels = names_of(codes[:100]) + ["tech"] * 20
    weights = np.array([1.0] * 100 + [0.0] * 20)
    student = fit_student(vectors, labels, classes=CLASSES, weights=weights, seed=0)
    assert (student.predict_proba(vectors[100:]).argmax(axis=1) == codes[100:]).mean() > 0.8


def test_same_seed_gives_the_same_student() -> None:
    vectors, codes = make_items(80)
    versions = {fit_student(vectors, names_of(codes), classes=CLASSES, seed=3).version for _ in range(2)}
    assert len(versions) == 1
    assert fit_student(vectors[:70], names_of(codes[:70]), classes=CLASSES, seed=3).version not in versions


def test_student_comes_back_from_json_exactly() -> None:
    vectors, codes = make_items(60)
    student = fit_student(vectors, names_of(codes), classes=CLASSES, seed=0)
    again = Student.from_json(student.to_json())
    assert again.version == student.version
    assert np.array_equal(again.predict_proba(vectors), student.predict_proba(vectors))


def test_text_that_is_no_student_is_refused() -> None:
    with pytest.raises(LabelerError, match="can't be read.*fit it again"):
        Student.from_json('{"classes": []}')


def test_blocks_change_nothing() -> None:
    vectors, codes = make_items(60)
    student = fit_student(vectors, names_of(codes), classes=CLASSES, seed=0)
    assert np.allclose(student.predict_proba(vectors, block=7), student.predict_proba(vectors))


def test_copies_share_a_fold() -> None:
    vectors, codes = make_items(40)
    folds = assign_folds(np.concatenate([vectors, vectors]), np.concatenate([codes, codes]), seed=0)
    assert np.array_equal(folds[:40], folds[40:])
    assert set(folds) == set(range(5))


def test_input_that_does_not_fit_is_refused() -> None:
    vectors, codes = make_items(10)
    with pytest.raises(LabelerError, match="unknown class 'sprot'.*expected one of sport, tech, politics or none"):
        fit_student(vectors[:1], ["sprot"], classes=CLASSES, seed=0)
    with pytest.raises(LabelerError, match="9 labels for 10 items"):
        fit_student(vectors, names_of(codes[:9]), classes=CLASSES, seed=0)
    with pytest.raises(LabelerError, match="neither trusted nor weak labels"):
        fit_student(vectors[:0], [], classes=CLASSES, seed=0)
    with pytest.raises(LabelerError, match="give at least one, each once"):
        fit_student(vectors, names_of(codes), classes=["a", "a"], seed=0)
    with pytest.raises(LabelerError, match=r"expected \(n, 16\)"):
        fit_student(vectors, names_of(codes), classes=CLASSES, seed=0).predict_proba(vectors[:, :3])
    vectors[4, 0] = np.nan
    with pytest.raises(LabelerError, match="row 4 is not finite"):
        fit_student(vectors, names_of(codes), classes=CLASSES, seed=0)
