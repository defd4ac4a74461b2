"""Where the users and the items of pairs stand: in the shard and in the index."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.ranking.inputs import IntVector, PairRows


def place_pairs(frame: pl.DataFrame, *, user_ids: pl.Series, item_rows: IntVector) -> pl.DataFrame:
    """frame with its positions as the columns user_row and item_row, so that locate_pairs need not look for them again.

    item_rows: of the items, -1 where there is none. Raises StepError on an id that the shard or the index lacks.
    """
    if (item_rows < 0).any():
        raise _unknown(frame["item_id"], pl.Series(item_rows < 0), "index")
    return frame.with_columns(pl.Series("user_row", _user_rows(frame, user_ids)), pl.Series("item_row", item_rows))


def locate_pairs(frame: pl.DataFrame, *, user_ids: pl.Series, item_ids: pl.Series) -> PairRows:
    """Positions of frame's user_id and item_id, or those that place_pairs found. Raises StepError on an id that the shard or
    the index lacks. O(rows + users + n).
    """
    if "item_row" in frame.columns:
        return PairRows(frame["user_row"].to_numpy(), frame["item_row"].to_numpy())
    return PairRows(_user_rows(frame, user_ids), _positions(frame["item_id"], item_ids, "index"))


def _user_rows(frame: pl.DataFrame, user_ids: pl.Series) -> IntVector:
    # Rows of a user lie together as a rule: only one of them is looked up.
    runs = frame["user_id"].rle().struct
    users = _positions(runs.field("value").alias("user_id"), user_ids, "shard")
    return np.repeat(users, runs.field("len").to_numpy())


def _positions(ids: pl.Series, known: pl.Series, place: str) -> IntVector:
    table = pl.DataFrame({"id": known, "position": np.arange(len(known), dtype=np.int64)})
    found = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")["position"]
    if found.null_count():
        raise _unknown(ids, found.is_null(), place)
    return found.to_numpy()


def _unknown(ids: pl.Series, is_unknown: pl.Series, place: str) -> StepError:
    unknown = ids.filter(is_unknown)[0]
    return StepError(f"{ids.name} {unknown!r} is not in the {place}; pass the candidates of this very {place}")
