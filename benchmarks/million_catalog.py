"""The catalog file of the large nights, and the context in which their stages run. Pure but for the folder's name."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.million_data import CATALOG, SPACE, TOPICS
from tasks.contracts.catalog import Catalog
from tasks.contracts.context import StepContext

AS_OF = date(2026, 10, 31)
RUN = "r1"
TOP_N = 20
MEMORY_LIMIT_MB = 4096
SHARD_USERS = 8000
SOURCES = {"dense_history": 1.0, "popularity": 0.5, "recent_popularity": 0.25, "new_arrivals": 0.25}


def make_catalog(*, per_source: int, total: int, exact_up_to: int) -> Catalog:
    """What somebody would write for a catalog of this size; all that is not named here is as it is by default."""
    values: dict[str, Any] = {
        "name": CATALOG,
        "user_space": SPACE,
        "items": [
            {"format": "csv", "path": "items.csv", "columns": {"item_id": "id", "title": "title", "text": "text"}}
        ],
        "events": {"borrow": 1.0},
        "taxonomy": [
            {"name": f"topic-{code:02d}", "description": f"What topic {code} is about."} for code in range(TOPICS)
        ],
        "relevance": {"truth": ["interactions"], "grades": {"borrow": 2}},
        "candidates": {"sources": SOURCES, "per_source": per_source, "total": total, "exact_up_to": exact_up_to},
        "recommend": {"top_n": TOP_N},
    }
    return Catalog.model_validate(values)


def make_context(folder: Path, catalog: Catalog, *, threads: int = 2, shard_users: int = SHARD_USERS) -> StepContext:
    """The context of the one run."""
    return StepContext(
        RUN, catalog, folder, AS_OF, threads=threads, shard_users=shard_users, memory_limit_mb=MEMORY_LIMIT_MB
    )
