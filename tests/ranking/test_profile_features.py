"""What a profile says of length, age and words to avoid, as columns."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ranking.inputs import PairRows
from tasks.ranking.item_counts import places_of
from tasks.ranking.profile_features import PROFILE_FEATURES, profile_columns, read_avoided_words, read_length_taste

TITLES = ["England win", "Rates held", "Old news"]
TEXTS = ["short", "a much longer text about the bank", "medium text"]
DAYS = np.array([30.0, 10.0, np.nan])


def columns(profile: str) -> dict[str, list[float]]:
    rows = PairRows(np.zeros(3, np.int64), np.arange(3))
    lengths = np.array([len(text) for text in TEXTS], dtype=np.float64)
    found = profile_columns(
        [profile], TITLES, TEXTS, rows, length_places=places_of(lengths), age_places=places_of(DAYS)
    )
    assert set(found) == {feature.name for feature in PROFILE_FEATURES}
    return {name: values.tolist() for name, values in found.items()}


def test_long_texts_match_whoever_wants_long_ones() -> None:
    long, short = columns("Wants long reads.")["length_match"], columns("Wants short pieces.")["length_match"]
    assert long[1] > long[2] > long[0]
    assert np.allclose(short, -np.array(long))


def test_the_latest_match_whoever_asks_for_them() -> None:
    match = columns("Wants the latest news first.")["recency_match"]
    assert match[0] > match[1]
    assert np.isnan(match[2])


def test_avoided_words_are_counted_in_title_and_text() -> None:
    assert columns("Avoids anything about England or banks and the bank.")["avoided_words"] == [1.0, 1.0, 0.0]


def test_a_profile_without_such_wishes_says_nothing() -> None:
    assert all(np.isnan(values).all() for values in columns("Reads about chess.").values())


@pytest.mark.parametrize(
    ("profile", "taste"),
    [("Enjoys in-depth articles", 1.0), ("Has little time", -1.0), ("Prefers thorough pieces to short notices", 1.0)],
)
def test_taste_for_length(profile: str, taste: float) -> None:
    assert read_length_taste(profile) == taste


def test_what_is_wanted_is_not_avoided() -> None:
    assert read_avoided_words("Skips golf but reads about tennis; does not care for rugby.") == {"golf", "rugby"}
