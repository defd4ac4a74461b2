"""Fields of items and users by name: "language", "age_days" or "attributes.NAME". Reads items and users.

Rules and relations name them in the catalog file. A name that is neither a column nor an attribute of any row is an
error that says the nearest one. Memory O(rows x named fields).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from warehouse.connection import Warehouse

ATTRIBUTES = "attributes."
ITEM_COLUMNS = ("title", "author", "url", "category", "language", "price", "age_days")
USER_COLUMNS = ("name", "age", "job", "segment")
RELATION_COLUMNS = ("author", "category", "language")
NUMBERS = ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE")


def json_path(field: str) -> str:
    """The field's place in the object that the queries make of a row.

    >>> json_path("age_days"), json_path("attributes.reading age")
    ('$.age_days', '$.attributes."reading age"')
    """
    if not field.startswith(ATTRIBUTES):
        return f"$.{field}"
    return f"$.attributes.{json.dumps(field.removeprefix(ATTRIBUTES), ensure_ascii=False)}"


def check_rules(warehouse: Warehouse, context: StepContext) -> None:
    """Raises ConfigError for a rule whose field no item or user can have."""
    rules = context.catalog.rules
    asked = [(f"rule {rule.name!r}: item", rule.item) for rule in rules]
    check_item_fields(warehouse, context, asked, columns=ITEM_COLUMNS)
    of_users = [(f"rule {rule.name!r}: user", rule.user) for rule in rules if rule.user is not None]
    if any(field.startswith(ATTRIBUTES) for _, field in of_users):
        names = warehouse.query("queries/user_attributes", user_space=context.catalog.user_space)["name"].to_list()
    else:
        names = []
    _check(of_users, columns=USER_COLUMNS, attributes=names, of="users")


def check_item_fields(
    warehouse: Warehouse, context: StepContext, asked: Iterable[tuple[str, str]], *, columns: Sequence[str]
) -> None:
    """asked: who names the field, and the field. Raises ConfigError for one that no item of the catalog has."""
    listed = list(asked)
    names: list[str] = []
    if any(field.startswith(ATTRIBUTES) for _, field in listed):
        names = warehouse.query("queries/item_attributes", catalog=context.catalog.name)["name"].to_list()
    _check(listed, columns=columns, attributes=names, of="items")


def load_item_fields(warehouse: Warehouse, context: StepContext, item_ids: pl.Series) -> pl.DataFrame | None:
    """The item fields of the catalog's rules, a column each, rows as item_ids; None without rules."""
    fields = list(dict.fromkeys(rule.item for rule in context.catalog.rules))
    if not fields:
        return None
    found = warehouse.query(
        "queries/item_fields",
        catalog=context.catalog.name,
        as_of_end=context.as_of_end,
        paths=[json_path(field) for field in fields],
    )
    columns = _columns(found, item_ids.to_frame("item_id"), fields)
    return pl.DataFrame([typed(texts, kinds).alias(texts.name) for texts, kinds in columns])


def load_user_fields(warehouse: Warehouse, context: StepContext, user_ids: pl.Series) -> pl.DataFrame:
    """The user fields of the catalog's rules, a column each, rows as user_ids; no column without such rules.

    age is a number and all else text (a list is JSON), so that a rule reads every shard of users in the same way.
    """
    fields = list(dict.fromkeys(rule.user for rule in context.catalog.rules if rule.user is not None))
    if not fields:
        return pl.DataFrame()
    found = warehouse.query(
        "queries/user_fields",
        user_space=context.catalog.user_space,
        user_ids=user_ids.to_list(),
        paths=[json_path(field) for field in fields],
    )
    columns = _columns(found, user_ids.to_frame("user_id"), fields)
    return pl.DataFrame([texts.cast(pl.Float64) if texts.name == "age" else texts for texts, _ in columns])


def typed(texts: pl.Series, kinds: pl.Series) -> pl.Series:
    """A field's texts as numbers, truths or lists if all that have a value are of that kind, else as texts; "" is null.

    >>> typed(pl.Series(["1", None]), pl.Series(["UBIGINT", None])).to_list()
    [1.0, None]
    """
    has_value = kinds.is_not_null() & (kinds != "NULL") & (texts != "")
    known = set(kinds.filter(has_value.fill_null(value=False)))
    values = pl.select(pl.when(has_value).then(texts)).to_series()
    if known and known <= set(NUMBERS):
        return values.cast(pl.Float64)
    if known == {"BOOLEAN"}:
        return values == "true"
    if known == {"ARRAY"}:
        return pl.Series([None if one is None else [str(part) for part in json.loads(one)] for one in values])
    return values


def _columns(found: pl.DataFrame, wanted: pl.DataFrame, fields: Sequence[str]) -> list[tuple[pl.Series, pl.Series]]:
    """For each field its texts, named as the field, and their JSON types, in the order of wanted (its one column: the key)."""
    rows = wanted.join(found, on=wanted.columns, how="left", maintain_order="left")
    parts = [(rows["texts"].list.get(place), rows["kinds"].list.get(place)) for place in range(len(fields))]
    return [(texts.alias(field), kinds) for (texts, kinds), field in zip(parts, fields, strict=True)]


def _check(asked: Iterable[tuple[str, str]], *, columns: Sequence[str], attributes: Sequence[str], of: str) -> None:
    known = [*columns, *(f"{ATTRIBUTES}{name}" for name in attributes)]
    for who, field in asked:
        if field in known:
            continue
        near = difflib.get_close_matches(field, known, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known fields are {', '.join(known)}"
        raise ConfigError(f"{who} names the field {field!r}, which no {of} have; {mend}")
