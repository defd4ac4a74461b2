"""Vectors of short phrases, kept in memory: an interest or a word is embedded once however many items it meets. Pure otherwise."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np

from tasks.contracts.errors import LabelerError
from tasks.embedding.protocol import Embedder, Matrix
from tasks.labelers.protocol import ItemText

MAX_PHRASES = 50_000
"""About 77 MB at 384 dimensions; the phrases used longest ago go first."""

MAX_ITEM_CHARS = 2000
"""An item without a vector is embedded from this much text; the model reads about 1,200 characters of it."""


class PhraseVectors:
    """Embeds phrases through a bounded least-recently-used cache."""

    def __init__(self, embedder: Embedder, *, max_phrases: int = MAX_PHRASES) -> None:
        self.embedder = embedder
        self._max_phrases = max_phrases
        self._known: OrderedDict[str, Matrix] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def encode(self, phrases: Sequence[str]) -> Matrix:
        """Unit vectors, shape (n, d), in the order of `phrases`; only the unknown ones are embedded."""
        if not phrases:
            return np.empty((0, self.embedder.dimension), dtype=np.float32)
        found = self._fetch(dict.fromkeys(phrases))
        return np.stack([found[phrase] for phrase in phrases])

    def _fetch(self, phrases: Iterable[str]) -> dict[str, Matrix]:
        found: dict[str, Matrix] = {}
        unknown = []
        for phrase in phrases:
            if phrase in self._known:
                self._known.move_to_end(phrase)
                found[phrase] = self._known[phrase]
            else:
                unknown.append(phrase)
        if unknown:
            # Copied row by row, so that one kept phrase does not keep its whole batch in memory.
            found |= {
                phrase: vector.copy() for phrase, vector in zip(unknown, self.embedder.encode(unknown), strict=True)
            }
            self._known |= {phrase: found[phrase] for phrase in unknown}
            while len(self._known) > self._max_phrases:
                self._known.popitem(last=False)
        return found


def item_vectors(items: Sequence[ItemText], phrases: PhraseVectors) -> Matrix:
    """The items' vectors, shape (n, d); an item that brings none is embedded from its title and text.

    Raises LabelerError when a vector is not of the embedder's dimension.
    """
    embedder = phrases.embedder
    missing = [read_text(item)[:MAX_ITEM_CHARS] for item in items if item.vector is None]
    embedded = iter(phrases.encode(missing))
    rows = [next(embedded) if item.vector is None else item.vector for item in items]
    dimension = embedder.dimension
    for item, row in zip(items, rows, strict=True):
        if row.shape != (dimension,):
            raise LabelerError(
                f"item {item.key!r} has a vector of shape {row.shape}, but {embedder.name!r} gives {dimension} dimensions; "
                "embed the catalog again with this model"
            )
    return np.stack(rows) if rows else np.empty((0, dimension), dtype=np.float32)


def read_text(item: ItemText) -> str:
    """Title and text of an item as one text."""
    return f"{item.title}\n{item.text}".strip()
