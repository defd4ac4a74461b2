"""Which items of a user are put in order together: few lists, each item in several, and no item cut off from the rest.

An incomplete block design (Yates 1936) drawn by hash, so that it needs no memory and comes out the same each night. Items
come in batches, as their nights drew them: a later batch adds lists of its own and changes none of the earlier ones, so
that no answer that was paid for is lost. Linear in items: about items * rounds / window lists. Pure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

Window = tuple[str, ...]


def plan_windows(batches: Sequence[Sequence[str]], *, user: str, window: int, rounds: int, seed: int) -> list[Window]:
    """Lists of 2 to `window` items in the order in which they are first shown; each is also shown the other way round.

    batches are the item keys of one user, oldest first, no key twice. Each item is in at least `rounds` lists (fewer only
    where a user has too few items to make different ones), and lists overlap so that all items are connected. With
    window 2 each item meets about `rounds` others. No item or one: no list.

    >>> plan_windows([["a", "b", "c"]], user="u", window=3, rounds=1, seed=1)
    [('c', 'a', 'b')]
    """
    items = [key for batch in batches for key in batch]
    if len(items) < 2:
        return []
    planned: dict[Window, None] = {}
    earlier: list[str] = []
    for number, batch in enumerate(batches):
        for turn in range(rounds):
            draw = f"{seed}|{user}|{number}|{turn}"
            chunks = _cut(_shuffle(batch, draw), window) if not earlier else _join(batch, earlier, draw, window)
            for chunk in chunks:
                _add(planned, chunk)
        for chunk in _bridge([*earlier, *batch], planned, window=window, draw=f"{seed}|{user}|{number}"):
            _add(planned, chunk)
        earlier += batch
    return list(planned)


def both_ways(window: Window) -> tuple[Window, Window]:
    """A list as it is shown first, and the other way round."""
    return window, window[::-1]


def _add(planned: dict[Window, None], chunk: Window) -> None:
    if len(chunk) > 1 and chunk[::-1] not in planned:
        planned[chunk] = None


def _shuffle(keys: Iterable[str], draw: str) -> list[str]:
    return sorted(keys, key=lambda key: hashlib.blake2b(f"{draw}|{key}".encode(), digest_size=8).digest())


def _cut(order: Sequence[str], window: int) -> list[Window]:
    """Pieces of nearly equal size, at most `window`; who would stand alone gets the first of all as company."""
    if not order:
        return []
    n_pieces = math.ceil(len(order) / window)
    size, larger = divmod(len(order), n_pieces)
    ends = [number * size + min(number, larger) for number in range(n_pieces + 1)]
    pieces = [tuple(order[start:end]) for start, end in pairwise(ends)]
    return [(piece[0], order[0]) if len(piece) == 1 and piece[0] != order[0] else piece for piece in pieces]


def _join(batch: Sequence[str], earlier: Sequence[str], draw: str, window: int) -> list[Window]:
    """Lists of new items, each half filled with items that were there before, so that both are on one scale."""
    windows = []
    for number, piece in enumerate(_new_pieces(_shuffle(batch, draw), window)):
        company = _shuffle(earlier, f"{draw}|{number}")[: window - len(piece)]
        windows.append(tuple(_shuffle([*piece, *company], f"{draw}|shown")))
    return windows


def _new_pieces(order: Sequence[str], window: int) -> list[Sequence[str]]:
    step = max(1, window // 2)
    return [order[start : start + step] for start in range(0, len(order), step)]


def _bridge(items: Sequence[str], planned: Iterable[Window], *, window: int, draw: str) -> list[Window]:
    """Lists that tie together what the planned ones leave apart: one item of each part, neighbours sharing one."""
    root = {key: key for key in items}

    def find(key: str) -> str:
        while root[key] != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for chunk in planned:
        for key in chunk[1:]:
            root[find(key)] = find(chunk[0])
    parts: dict[str, list[str]] = {}
    for key in items:
        parts.setdefault(find(key), []).append(key)
    if len(parts) == 1:
        return []
    ties = _shuffle((_shuffle(part, f"{draw}|tie")[0] for part in parts.values()), f"{draw}|ties")
    return [tuple(ties[start : start + window]) for start in range(0, len(ties) - 1, window - 1)]
