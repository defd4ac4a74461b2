"""What `nightjar model` prints: where each model stands, a card, and who is the champion now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl

from flows.console import out
from flows.tables import plain_table
from tasks.models import list_models, promote_model, read_card


def print_models(folder: Path, *, catalog: str | None) -> None:
    """A line a model: its standing, when it was trained, and the last decision about it."""
    found = list_models(folder, catalog=catalog)
    if found.is_empty():
        out.print("no model yet; run `nightjar train` to make one", markup=False)
        return
    rows = [
        {
            "catalog": row["catalog"],
            "model": row["model_id"],
            "standing": row["status"],
            "trained": f"{row['trained_at']:%Y-%m-%d %H:%M}",
            "NDCG@10 against the champion": _difference(row),
            "why": row["reason"],
        }
        for row in found.iter_rows(named=True)
    ]
    out.print(plain_table(pl.DataFrame(rows)))


def print_promotion(folder: Path, beginning: str, *, catalog: str | None) -> None:
    """Put the model in the champion's place, and say what to do next."""
    name, model_id, before = promote_model(folder, beginning, catalog=catalog)
    instead = f" in the place of {before}" if before else ""
    out.print(
        f"model {model_id} is the champion of {name}{instead}; `nightjar run --from score` serves it", markup=False
    )


def print_card(folder: Path, *, catalog: str | None, model: str | None, shows_path: bool) -> None:
    """The card as it stands, which is Markdown, or where card and picture lie."""
    card = read_card(folder, catalog=catalog, beginning=model)
    sys.stdout.write(f"{card.path}\n{card.picture}\n" if shows_path else card.text)


def _difference(row: dict[str, Any]) -> str:
    if row["difference"] is None:
        return ""
    return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
