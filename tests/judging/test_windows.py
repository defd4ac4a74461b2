"""Which items are compared: every one in several lists, none cut off, and yesterday's lists stay as they are."""

from __future__ import annotations

import doctest
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tasks.judging import windows
from tasks.judging.windows import both_ways, plan_windows


def keys(count: int, letter: str = "i") -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


def plan(
    *batches: list[str], window: int = 8, rounds: int = 4, user: str = "u", seed: int = 1
) -> list[tuple[str, ...]]:
    return plan_windows(batches, user=user, window=window, rounds=rounds, seed=seed)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(2, 10), st.integers(1, 5), st.integers(0, 99))
def test_lists_are_connected_short_enough_and_hold_every_item(
    sizes: list[int], window: int, rounds: int, seed: int
) -> None:
    batches = [keys(size, f"{number}-") for number, size in enumerate(sizes)]
    items = [key for batch in batches for key in batch]
    planned = plan(*batches, window=window, rounds=rounds, seed=seed)
    assert all(2 <= len(one) <= window and len(set(one)) == len(one) for one in planned)
    assert len({frozenset(both_ways(one)) for one in planned}) == len(planned)
    if len(items) < 2:
        assert planned == []
        return
    reached, grown = {items[0]}, True
    while grown:
        more = {key for one in planned if reached & set(one) for key in one}
        grown, reached = not more <= reached, reached | more
    assert reached == set(items)
    assert len(planned) <= 1 + 3 * len(items) * rounds / max(1, window // 2)


def test_each_item_is_in_as_many_lists_as_rounds_say() -> None:
    found = Counter(key for one in plan(keys(40)) for key in one)
    assert set(found.values()) == {4}
    assert len(plan(keys(40))) == 20


def test_in_pairs_each_item_meets_about_as_many_others_as_rounds_say() -> None:
    found = Counter(key for one in plan(keys(40), window=2) for key in one)
    assert len(found) == 40
    assert 3 <= min(found.values()) <= max(found.values()) <= 5


def test_later_items_change_no_list_that_was_shown() -> None:
    before, after = plan(keys(20)), plan(keys(20), keys(2, "new"))
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert len(added) == 4
    assert all({"new0", "new1"} <= set(one) and len(one) == 8 for one in added)


def test_users_and_seeds_have_lists_of_their_own() -> None:
    assert plan(keys(20)) == plan(keys(20))
    assert plan(keys(20)) != plan(keys(20), user="v")
    assert plan(keys(20)) != plan(keys(20), seed=2)


def test_few_items_are_shown_in_different_orders() -> None:
    assert len(plan(keys(5), rounds=4)) == 4
    assert len(plan(keys(2), rounds=4)) == 1
    assert plan(keys(1)) == plan([]) == []


def test_examples_are_true() -> None:
    assert doctest.testmod(windows).failed == 0
