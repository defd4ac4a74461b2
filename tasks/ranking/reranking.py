"""A new order of a list from the orders that somebody gave to parts of it. Pure; time O(items log items).

The list is shown in windows that overlap by half, each both ways round (as in Sun et al. 2023, but all at once rather than
from the bottom up, so that every window is a question about the list as it stands: it can be stored, and asked in one
batch). Within a window an item's place is its mean rank over both ways, so that whoever goes by the order in which
things are shown changes nothing; in the list it is the mean over its windows. What comes out even stays as it was.
An item can thus climb to the top of its upper window, and no further than that in one night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Span = tuple[int, int]
"""Places of a list from the first to before the second, counted from 0."""


def overlapping_windows(n_items: int, window: int) -> list[Span]:
    """Spans of `window` places that overlap by half and cover the list; none for fewer than two items.

    >>> overlapping_windows(12, 6)
    [(0, 6), (3, 9), (6, 12)]
    >>> overlapping_windows(7, 4)
    [(0, 4), (2, 6), (3, 7)]
    """
    if n_items < 2:
        return []
    step = max(1, window // 2)
    last = max(0, n_items - window)
    starts = [*range(0, last, step), last]
    return [(start, min(start + window, n_items)) for start in starts]


def complete_ranks(ranks: Sequence[int]) -> list[int]:
    """ranks with places for the items that have none (0): these keep their own, the others share what is left.

    ranks are of the items in the order of the list, different where they are not 0; the result is 1..n, each once.

    >>> complete_ranks([0, 2, 1, 0])
    [1, 3, 2, 4]
    """
    open_places = [place for place, rank in enumerate(ranks, start=1) if rank]
    ranked = sorted((rank, item) for item, rank in enumerate(ranks) if rank)
    completed = [place if not rank else 0 for place, rank in enumerate(ranks, start=1)]
    for place, (_, item) in zip(open_places, ranked, strict=True):
        completed[item] = place
    return completed


def merge_windows(n_items: int, answers: Mapping[Span, tuple[Sequence[int], Sequence[int]]]) -> list[int]:
    """Positions of the list in their new order, best first.

    answers: by window, the ranks of its items in the order of the list, once as they were given with the window shown
    forwards and once backwards; 0: left out. Positions in no window stay where they are among those that come out even.

    >>> merge_windows(3, {(0, 3): ([3, 1, 2], [3, 1, 2])})
    [1, 2, 0]
    >>> merge_windows(3, {(0, 3): ([1, 2, 3], [3, 2, 1])})
    [0, 1, 2]
    """
    places: list[list[float]] = [[] for _ in range(n_items)]
    for (start, _), both in answers.items():
        for item, ranks in enumerate(zip(*map(complete_ranks, both), strict=True)):
            places[start + item].append(start + sum(ranks) / 2 - 1)
    means = [sum(found) / len(found) if found else float(item) for item, found in enumerate(places)]
    return sorted(range(n_items), key=lambda item: (round(means[item], 9), item))
