"""The answers that a task may have, as text: topics, true and false, grades. Pure."""

from __future__ import annotations

from tasks.contracts.catalog import Catalog

NONE = "(none of these)"
"""How "none of these" is called where an abstention counts as an answer of its own."""
ORDINAL = ("judge",)


def classes_of(task: str, catalog: Catalog) -> tuple[str, ...]:
    """All answers to `task`, ascending where they have an order; of topics also NONE."""
    if task == "topics":
        return (*(topic.name for topic in catalog.taxonomy), NONE)
    return ("0", "1", "2", "3") if task == "judge" else ("false", "true")


def is_ordinal(task: str) -> bool:
    """Whether the answers of `task` have an order."""
    return task in ORDINAL
