"""What `nightjar llm` prints: stored replies, how many were forgotten, batches under way."""

from __future__ import annotations

from pathlib import Path

from flows.console import out
from flows.tables import plain_table
from tasks.labeling.stored_replies import has_replies, prune_replies, read_batches, read_stats


def print_cache_stats(folder: Path) -> None:
    """Stored replies by task and model."""
    stats = read_stats(folder) if has_replies(folder) else None
    if stats is None or stats.is_empty():
        out.print("no reply is stored yet", markup=False)
        return
    out.print(plain_table(stats, "stored replies"))
    total = stats.sum().row(0, named=True)
    out.print(f"in all {total['replies']} replies, {total['bytes'] / 1e6:.1f} MB", markup=False)


def print_pruned(
    folder: Path, *, older_than_days: float | None, model: str | None, task: str | None, is_dry_run: bool
) -> None:
    """Forget replies, and say how many."""
    n_forgotten = prune_replies(folder, older_than_days=older_than_days, model=model, task=task, is_dry_run=is_dry_run)
    out.print(f"{n_forgotten} replies {'would be' if is_dry_run else 'were'} forgotten", markup=False)


def print_batches(folder: Path) -> None:
    """Batches by id, with their state."""
    batches = read_batches(folder) if has_replies(folder) else None
    if batches is None or batches.is_empty():
        out.print("no batch is known", markup=False)
        return
    out.print(plain_table(batches, "batches"))
