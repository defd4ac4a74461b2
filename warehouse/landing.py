"""Lands labels in small transactions, so that a crash loses at most the group in flight.

Writes one label table and `dead_letters`. A group is committed after `rows` replies or `seconds`, whichever is first:
paid replies are safe before they come here, so that a lost group costs no second call. Memory O(group), whatever the
number of labels: the tables have no index, and the checkpoints run in one thread, as each holds buffers of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import polars as pl

from warehouse.connection import Warehouse

MEMORY_MB = 128
ITEMS_PER_SHARE = 4_000_000
"""What DuckDB may hold while labels land, and again for each so many items: the work list keeps some 30 bytes an item."""
VECTORS_MB = 512
"""So much more where the work list brings vectors: DuckDB joins a million of them, 1.5 GB, in 256 and spills the rest."""
GROUPS_CACHED = 20


class Landing:
    """Collects label rows and dead letters, and commits them group by group; as a context it commits the last at its end.

    Enter it before the work list is read: DuckDB works in one thread and little memory until it is left. with_vectors says
    that the work list brings vectors, of which that little would not hold the join.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        table: str,
        *,
        catalog: str,
        task: str,
        schema: Mapping[str, Any],
        rows: int = 500,
        seconds: float = 1.0,
        with_vectors: bool = False,
    ) -> None:
        self.warehouse = warehouse
        self.table = table
        self.catalog = catalog
        self.task = task
        self.schema = dict(schema)
        self.rows = rows
        self.seconds = seconds
        self.n_labels = 0
        self.n_dead = 0
        n_items = warehouse.value("queries/count_items")
        memory_mb = MEMORY_MB * (1 + n_items // ITEMS_PER_SHARE)
        self._confined = warehouse.confined(memory_mb + VECTORS_MB if with_vectors else memory_mb)
        self._n_groups = 0
        self._keys: list[str] = []
        self._labels: list[Mapping[str, Any]] = []
        self._dead: list[Mapping[str, Any]] = []
        self._last = time.monotonic()

    def __enter__(self) -> Landing:
        self._confined.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        try:
            self.flush()
        finally:
            self._confined.__exit__(*ended)

    def label(self, key: str, row: Mapping[str, Any]) -> None:
        """Take the label of the question `key`; its dead letter, if there is one, is forgotten in the same commit."""
        self._keys.append(key)
        self._labels.append(row)
        self._flush_if_due()

    def dead_letter(self, row: Mapping[str, Any]) -> None:
        """Take a question that got no answer."""
        self._dead.append(row)
        self._flush_if_due()

    def flush(self) -> None:
        """Commit what is held."""
        if self._labels or self._dead:
            with self.warehouse.transaction():
                if self._labels:
                    # An append: a work list holds only what has no label yet, each question once.
                    self.warehouse.insert(self.table, pl.DataFrame(self._labels, schema=self.schema, orient="row"))
                    self.warehouse.run(
                        "queries/forget_dead_letters", catalog=self.catalog, task=self.task, keys=self._keys
                    )
                if self._dead:
                    self.warehouse.insert("dead_letters", pl.DataFrame(self._dead), on_conflict="replace")
            self._n_groups += 1
            if self._n_groups % GROUPS_CACHED == 0:
                self.warehouse.drop_cache()
        self.n_labels += len(self._labels)
        self.n_dead += len(self._dead)
        self._keys.clear()
        self._labels.clear()
        self._dead.clear()
        self._last = time.monotonic()

    def _flush_if_due(self) -> None:
        held = len(self._labels) + len(self._dead)
        if held >= self.rows or time.monotonic() - self._last >= self.seconds:
            self.flush()
