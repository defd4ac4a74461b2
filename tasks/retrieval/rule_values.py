"""Values of fields as a rule compares them: all of a rule as numbers, as truth values or as texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RuleConfig
from tasks.retrieval.item_index import BoolVector

Kind = Literal["number", "truth", "text"]
Scalar = str | float | bool
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Values:
    """values: (n,) floats, truth values or texts; what is_missing says nothing, and its value is to be ignored."""

    values: NDArray[Any]
    is_missing: BoolVector


def kind_of_rule(rule: RuleConfig, items: pl.Series, users: pl.Series | None) -> Kind:
    """How the rule compares: by its value's type; with a user's field by the columns' types, texts where both are texts."""
    if rule.test in ("at_least", "at_most"):
        return "number"
    if rule.value is not None:
        values = rule.value if isinstance(rule.value, tuple) else (rule.value,)
        kinds = {_kind_of(value) for value in values}
        if len(kinds) > 1:
            raise StepError(f"rule {rule.name!r} compares with {list(values)}; give values of one type")
        return kinds.pop() if kinds else "text"
    dtypes = [items.dtype, *([] if users is None else [users.dtype])]
    if any(dtype.is_numeric() for dtype in dtypes):
        return "number"
    return "truth" if pl.Boolean in dtypes else "text"


def read_values(column: pl.Series, kind: Kind, *, rule: RuleConfig, ids: pl.Series, owner: str) -> Values:
    """The column (n,) in the rule's kind; null, NaN and "" are missing. owner: "item" or "user", for the error.

    Raises StepError naming rule, owner and value where a value has no such reading.
    """
    texts = _as_texts(column, kind, rule=rule, owner=owner)
    is_missing = (texts.is_null() | (texts == "")).fill_null(value=True)
    if kind == "text":
        return Values(as_array(texts.fill_null("").to_list(), kind), is_missing.to_numpy())
    if kind == "truth":
        read = texts.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
        filled = read.fill_null(value=False)
    else:
        read = texts.cast(pl.Float64, strict=False)
        is_missing = is_missing | read.is_nan().fill_null(value=False)
        filled = read.fill_null(0.0).fill_nan(0.0)
    bad = (read.is_null() & ~is_missing).arg_true()
    if len(bad):
        raise _not_comparable(rule, owner, ids[int(bad[0])], column[int(bad[0])], kind)
    return Values(filled.to_numpy(), is_missing.to_numpy())


def read_lists(column: pl.Series, kind: Kind, *, rule: RuleConfig, ids: pl.Series) -> list[tuple[Scalar, ...] | None]:
    """Each user's values, sorted and distinct: of a list, of a JSON list in a text, or the one value; None: missing."""
    lists: list[tuple[Scalar, ...] | None] = []
    for place, value in enumerate(column.to_list()):
        parts = _parts(value)
        flat = pl.Series("part", [None if part is None else str(part) for part in parts], dtype=pl.String)
        owners = pl.Series("id", [ids[place]] * len(parts), dtype=pl.String)
        read = read_values(flat, kind, rule=rule, ids=owners, owner="user")
        known = np.unique(read.values[~read.is_missing]).tolist()
        lists.append(tuple(known) if known else None)
    return lists


def as_array(values: Sequence[Scalar], kind: Kind) -> NDArray[Any]:
    """The values as one array that compares with Values.values of the same kind."""
    return np.array(values, dtype={"number": np.float64, "truth": np.bool_, "text": np.object_}[kind])


def _parts(value: object) -> list[object]:
    if isinstance(value, list | pl.Series):
        return list(value)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except json.JSONDecodeError:
            return [value]
        return list(found) if isinstance(found, list) else [value]
    return [value]


def _kind_of(value: Scalar) -> Kind:
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number"


def _as_texts(column: pl.Series, kind: Kind, *, rule: RuleConfig, owner: str) -> pl.Series:
    if column.dtype.is_nested() or column.dtype.is_temporal():
        raise StepError(
            f"rule {rule.name!r}: the {owner}s' field {column.name!r} holds {column.dtype} values, which no rule compares;"
            " name a field of numbers, truth values or texts"
        )
    if kind == "text" and (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise StepError(
            f"rule {rule.name!r} compares texts, and the {owner}s' field {column.name!r} holds {column.dtype} values;"
            " give a value of that type"
        )
    return column.cast(pl.String).str.strip_chars()


def _not_comparable(rule: RuleConfig, owner: str, identity: object, value: object, kind: Kind) -> StepError:
    field = rule.item if owner == "item" else rule.user
    meant = {"number": "a number", "truth": "true or false", "text": "a text"}[kind]
    return StepError(
        f"rule {rule.name!r}: {owner} {identity!r} has {value!r} in {field!r}, which is not {meant};"
        " mend the source's column or the rule"
    )
