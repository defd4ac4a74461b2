from __future__ import annotations

import polars as pl
import pytest

from tasks.contracts.errors import ConfigError
from tasks.ranking.weights import MAX_INVERSE_PROPENSITY, weigh_rows


def weights(truths, probabilities, **of_truth):
    rows = pl.DataFrame(
        {"truth": truths, "sampling_probability": probabilities},
        schema={"truth": pl.String, "sampling_probability": pl.Float64},
    )
    return weigh_rows(rows, of_truth)["weight"].to_list()


def test_a_pair_weighs_by_its_truth():
    assert weights(["people", "judge", "other"], [1.0] * 3, people=4.0, judge=1.0) == pytest.approx([2.0, 0.5, 0.5])


def test_a_pair_that_was_rarely_drawn_stands_for_many():
    found = weights(["judge"] * 3, [1.0, 0.5, 0.4])
    assert found == pytest.approx([3 / 5.5, 6 / 5.5, 7.5 / 5.5])


def test_the_inverse_is_clipped_and_an_unknown_probability_counts_as_1():
    certain, rare, unknown = weights(["judge"] * 3, [1.0, 1e-6, None])
    assert rare / certain == pytest.approx(MAX_INVERSE_PROPENSITY)
    assert unknown == certain


def test_what_was_not_chosen_weighs_as_an_interaction():
    chosen, other, judged = weights(["interactions", "unobserved", "judge"], [1.0] * 3, interactions=3.0)
    assert chosen == other == pytest.approx(3 * judged)


def test_weights_are_1_on_average():
    found = weights(["judge", "people"] * 50, [0.01, 0.7] * 50, people=8.0)
    assert sum(found) / len(found) == pytest.approx(1.0)
    assert weights([], []) == []


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"relevance.weights.judge is 0; give a number above 0"):
        weights(["judge"], [1.0], judge=0)
