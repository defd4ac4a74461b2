"""Where ids stand among many known ones, found without reading all of these: a hash table of arrays, made once.

A join builds its table anew for each call, which for a shard of users costs more than the shard's own ids.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntVector = NDArray[np.int64]

NOWHERE = -1


class IdTable:
    """The positions of n different ids. Open addressing with linear probing, at most half full; memory O(n): 16 to 24 bytes."""

    def __init__(self, ids: pl.Series) -> None:
        self._ids = ids
        self._hashes = ids.hash().to_numpy()
        n_slots = 1 << (2 * max(1, len(ids)) - 1).bit_length()
        self._mask = np.uint64(n_slots - 1)
        self._slots = np.full(n_slots, NOWHERE, dtype=np.int32 if len(ids) < 1 << 31 else np.int64)
        pending, slots = np.arange(len(ids)), self._first_slots(self._hashes)
        while len(pending):
            is_free = self._slots[slots] == NOWHERE
            # Of several for one free slot the last one gets it; the others go on to the next.
            self._slots[slots[is_free]] = pending[is_free]
            is_left = self._slots[slots] != pending
            pending, slots = pending[is_left], self._next_slots(slots[is_left])

    def locate(self, wanted: pl.Series) -> IntVector:
        """The position of each id, NOWHERE where it is not known. O(wanted)."""
        found = np.full(len(wanted), NOWHERE, dtype=np.int64)
        hashes = wanted.hash().to_numpy()
        pending, slots = np.arange(len(wanted)), self._first_slots(hashes)
        while len(pending):
            there = self._slots[slots]
            is_taken = there != NOWHERE
            pending, slots, there = pending[is_taken], slots[is_taken], there[is_taken]
            is_same = self._hashes[there] == hashes[pending]
            found[pending[is_same]] = there[is_same]
            pending, slots = pending[~is_same], self._next_slots(slots[~is_same])
        return self._checked(wanted, found)

    def _checked(self, wanted: pl.Series, found: IntVector) -> IntVector:
        """found, of which only those stay whose text is the wanted one: two texts may have one hash."""
        known = np.flatnonzero(found != NOWHERE)
        is_equal = (self._ids.gather(found[known]) == wanted.gather(known)).fill_null(value=False).to_numpy()
        if is_equal.all():
            return found
        strange = known[~is_equal]
        table = pl.DataFrame({"id": self._ids}).with_row_index("position")
        asked = pl.DataFrame({"id": wanted.gather(strange)})
        places = asked.join(table, on="id", how="left", maintain_order="left")["position"]
        found[strange] = places.cast(pl.Int64).fill_null(NOWHERE).to_numpy()
        return found

    def _first_slots(self, hashes: NDArray[np.uint64]) -> IntVector:
        return (hashes & self._mask).astype(np.int64)

    def _next_slots(self, slots: IntVector) -> IntVector:
        return (slots + 1) & np.int64(self._mask)
