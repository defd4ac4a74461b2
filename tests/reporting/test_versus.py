"""Two labelings against people's word: by hand."""

from __future__ import annotations

import pytest
from scipy import stats

from tasks.reporting.versus import GoldRow, compare_on_gold, labels_needed, mcnemar


def rows(*counts: tuple[str, str, str, int]) -> list[GoldRow]:
    return [GoldRow("", truth, before, after, n) for truth, before, after, n in counts]


def test_mcnemar_is_the_exact_binomial_test() -> None:
    # 2 * (1 + 9) / 2^9
    assert mcnemar(8, 1) == pytest.approx(20 / 512)
    assert mcnemar(1, 8) == mcnemar(8, 1)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0


def test_changes_are_counted_for_better_and_worse() -> None:
    found = compare_on_gold(
        rows(("a", "a", "a", 10), ("a", "b", "a", 8), ("a", "a", "b", 1), ("a", "b", "c", 3), ("a", "b", "b", 2)),
        is_ordinal=False,
    )
    assert (found.n, found.n_better, found.n_worse) == (24, 8, 1)
    assert (found.before.value, found.after.value) == (11 / 24, 18 / 24)
    assert found.p_value == pytest.approx(20 / 512)
    assert found.verdict.startswith("B is better: by 29.2 points of accuracy on 24 of people's labels (p = 0.039)")


def test_the_first_may_be_better() -> None:
    found = compare_on_gold(rows(("a", "a", "b", 9), ("a", "a", "a", 9)), is_ordinal=False)
    assert found.verdict.startswith("A is better: by 50.0 points")


def test_what_chance_may_have_done_gets_no_verdict() -> None:
    found = compare_on_gold(rows(("a", "a", "a", 94), ("a", "b", "a", 5), ("a", "a", "b", 1)), is_ordinal=False)
    assert found.p_value == pytest.approx(14 / 64)
    more = labels_needed(100, 5, 1) - 100
    assert more > 0
    assert found.verdict.startswith("A and B can't be told apart with 100 gold labels (p = 0.219)")
    assert f"about {more} more would be needed for a difference of 4.0 points, as seen here, to show" in found.verdict


def test_labels_needed_show_the_difference_four_times_in_five() -> None:
    n = labels_needed(100, 12, 4)
    # Connor's formula is of the asymptotic test; simulated, its power is near 0.8.
    draws = stats.multinomial.rvs(n, [0.12, 0.04, 0.84], size=2000, random_state=1)
    power = sum(abs(b - c) ** 2 / max(b + c, 1) > stats.chi2.ppf(0.95, 1) for b, c, _ in draws) / 2000
    assert power == pytest.approx(0.8, abs=0.04)


def test_without_peoples_labels_nothing_is_said_of_better() -> None:
    found = compare_on_gold([], is_ordinal=False)
    assert found.n == 0
    assert "people have reviewed none of these questions; begin with `nightjar review export`" in found.verdict


def test_without_a_change_a_small_difference_is_what_is_asked_for() -> None:
    found = compare_on_gold(rows(("a", "a", "a", 50)), is_ordinal=False)
    assert "for a difference of 3 points to show" in found.verdict


def test_grades_are_compared_by_quadratic_kappa_over_askers() -> None:
    gold = []
    for place in range(30):
        asker = f"u{place:02d}"
        gold += [GoldRow(asker, str(grade), str((grade + place) % 4), str(grade), 1) for grade in range(4)]
    found = compare_on_gold(gold, is_ordinal=True)
    assert found.kappa is not None
    assert found.kappa.low > 0
    assert found.verdict.startswith("B is better: its quadratic kappa is higher by")
    same = compare_on_gold([GoldRow(row.asker, row.truth, row.after, row.after, 1) for row in gold], is_ordinal=True)
    assert same.kappa is not None
    assert same.kappa.value == 0
    assert "can't be told apart" in same.verdict
