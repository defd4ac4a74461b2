"""Orders of windows become one order: what is said counts, how it was shown does not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ranking.reranking import Span, complete_ranks, merge_windows, overlapping_windows

SIZES = st.tuples(st.integers(2, 40), st.integers(2, 20))


def ask(n_items: int, window: int, prefer) -> dict[Span, tuple[list[int], list[int]]]:
    """What somebody answers who puts the items of a window, as shown, in the order prefer(items)."""
    answers = {}
    for start, stop in overlapping_windows(n_items, window):
        both = []
        for shown in (list(range(start, stop)), list(range(start, stop))[::-1]):
            best_first = prefer(shown)
            both.append([best_first.index(item) + 1 for item in range(start, stop)])
        answers[start, stop] = (both[0], both[1])
    return answers


@given(SIZES)
@settings(max_examples=100, deadline=None)
def test_windows_cover_the_list_and_overlap_by_half(sizes: tuple[int, int]) -> None:
    n_items, window = sizes
    spans = overlapping_windows(n_items, window)
    assert {place for start, stop in spans for place in range(start, stop)} == set(range(n_items))
    assert all(stop - start == min(window, n_items) for start, stop in spans)
    assert all(b[0] - a[0] <= max(1, window // 2) for a, b in pairwise(spans))
    assert len(set(spans)) == len(spans)


@given(SIZES)
@settings(max_examples=100, deadline=None)
def test_who_prefers_what_is_shown_first_changes_nothing(sizes: tuple[int, int]) -> None:
    n_items, window = sizes
    assert merge_windows(n_items, ask(n_items, window, lambda shown: shown)) == list(range(n_items))
    assert merge_windows(n_items, ask(n_items, window, lambda shown: shown[::-1])) == list(range(n_items))


@given(SIZES)
@settings(max_examples=100, deadline=None)
def test_who_agrees_with_the_list_changes_nothing(sizes: tuple[int, int]) -> None:
    n_items, window = sizes
    assert merge_windows(n_items, ask(n_items, window, sorted)) == list(range(n_items))


@given(st.permutations(range(8)))
@settings(max_examples=50, deadline=None)
def test_one_window_is_taken_at_its_word(order: list[int]) -> None:
    places = {item: place for place, item in enumerate(order)}
    assert merge_windows(8, ask(8, 8, lambda shown: sorted(shown, key=places.__getitem__))) == order


def test_a_good_item_climbs_and_the_others_keep_their_order() -> None:
    found = merge_windows(20, ask(20, 10, lambda shown: sorted(shown, key=lambda item: (item != 12, item))))
    assert found.index(12) < 9
    assert [item for item in found if item != 12] == [item for item in range(20) if item != 12]


def test_items_that_are_left_out_keep_their_place() -> None:
    assert complete_ranks([0, 2, 1, 0]) == [1, 3, 2, 4]
    assert complete_ranks([0, 0]) == [1, 2]
    # The third is put first both times, nobody else is named: it may only change places with itself.
    assert merge_windows(4, {(0, 4): ([0, 0, 1, 0], [0, 0, 1, 0])}) == [0, 1, 2, 3]
    assert merge_windows(4, {(0, 4): ([2, 0, 1, 0], [2, 0, 1, 0])}) == [2, 1, 0, 3]


@pytest.mark.parametrize("n_items", [0, 1])
def test_nothing_to_compare_is_no_window(n_items: int) -> None:
    assert overlapping_windows(n_items, 10) == []
    assert merge_windows(n_items, {}) == list(range(n_items))
