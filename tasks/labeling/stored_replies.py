"""The stored replies as the operator looks after them: what there is, what may be forgotten, and batches under way."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.contracts.errors import ConfigError
from warehouse.replies import REPLIES, open_replies


def has_replies(folder: Path) -> bool:
    """Whether a reply was ever stored in this warehouse."""
    return (folder / REPLIES).exists()


def read_stats(folder: Path) -> pl.DataFrame:
    """One row per task and model: replies, tokens_in, tokens_out, bytes, oldest, newest."""
    with open_replies(folder) as replies:
        return replies.stats()


def prune_replies(
    folder: Path, *, older_than_days: float | None, model: str | None, task: str | None, is_dry_run: bool
) -> int:
    """Forget the replies that fit all that is given; how many. Raises ConfigError when nothing is given."""
    if older_than_days is None and model is None and task is None:
        raise ConfigError(
            "nothing says which replies to forget, and all of them were paid for; give --older-than DAYS, --model or --task"
        )
    with open_replies(folder) as replies:
        return replies.prune(older_than_days=older_than_days, model=model, task=task, is_dry_run=is_dry_run)


def read_batches(folder: Path) -> pl.DataFrame:
    """One row per batch that was ever sent: id, endpoint, task, status, rows, submitted."""
    with open_replies(folder) as replies:
        return replies.list_batches()
