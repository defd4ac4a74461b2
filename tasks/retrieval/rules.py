"""The catalog file's rules as masks: which items pass a rule for which user.

A rule compares a field of items with a value, or with a field of the user. Its mask is made once a distinct value of
users, not once a pair; values between which no item lies share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RuleConfig
from tasks.retrieval.item_index import BoolVector, IntVector, ItemIndex
from tasks.retrieval.rule_values import Kind, Scalar, Values, as_array, kind_of_rule, read_lists, read_values
from tasks.retrieval.user_shard import UserShard


@dataclass(frozen=True)
class RuleMask:
    """User i may be shown the items that row codes[i] of is_allowed (m, n) names. codes: (u,)."""

    name: str
    codes: IntVector
    is_allowed: BoolVector


def evaluate_rules(rules: Sequence[RuleConfig], index: ItemIndex, shard: UserShard) -> list[RuleMask]:
    """A mask a rule. Raises StepError on a field that is not loaded and on a value that can't be compared.

    "equal" and "one_of" compare texts letter by letter. A user's field of the tests one_of and none_of holds one value,
    or several as a list or as JSON. O(distinct values * n) bytes and comparisons a rule.
    """
    return [_evaluate(rule, index, shard) for rule in rules]


def _evaluate(rule: RuleConfig, index: ItemIndex, shard: UserShard) -> RuleMask:
    if rule.item not in index.fields:
        raise StepError(
            f"rule {rule.name!r} reads the items' field {rule.item!r}, which is not loaded; name a field of items"
        )
    if rule.user is not None and rule.user not in shard.fields:
        raise StepError(
            f"rule {rule.name!r} reads the users' field {rule.user!r}, which is not loaded; name a field of users"
        )
    column = index.fields[rule.item]
    asked = None if rule.user is None else shard.fields[rule.user]
    kind = kind_of_rule(rule, column, asked)
    items = read_values(column, kind, rule=rule, ids=index.item_ids, owner="item")
    if rule.test in ("one_of", "none_of"):
        keys, masks = _list_masks(rule, items, asked, kind, shard)
    else:
        keys, masks = _value_masks(rule, items, asked, kind, shard)
    is_allowed = np.stack(masks) if masks else np.empty((0, len(index)), dtype=np.bool_)
    return RuleMask(rule.name, keys, is_allowed)


def _value_masks(
    rule: RuleConfig, items: Values, asked: pl.Series | None, kind: Kind, shard: UserShard
) -> tuple[IntVector, list[BoolVector]]:
    """Values are compared by their places among the items' distinct values, so equal outcomes share a mask."""
    known = np.unique(items.values[~items.is_missing])
    places = np.searchsorted(known, items.values)
    if asked is None:
        value = rule.value if rule.value is not None and not isinstance(rule.value, tuple) else ""
        wanted = Values(as_array([value] * len(shard), kind), np.zeros(len(shard), dtype=np.bool_))
    else:
        wanted = read_values(asked, kind, rule=rule, ids=shard.user_ids, owner="user")
    left = np.searchsorted(known, wanted.values)
    right = np.searchsorted(known, wanted.values, side="right")
    bounds = {"equal": np.where(right > left, left, len(known)), "at_least": left, "at_most": right}[rule.test]
    bounds = np.where(wanted.is_missing, -1, bounds)
    distinct, codes = np.unique(bounds, return_inverse=True)
    masks = []
    for bound in distinct.tolist():
        is_in = {"equal": places == bound, "at_least": places >= bound, "at_most": places < bound}[rule.test]
        masks.append(_with_missing(rule, is_in, items, is_user_missing=bound < 0))
    return codes.astype(np.int64), masks


def _list_masks(
    rule: RuleConfig, items: Values, asked: pl.Series | None, kind: Kind, shard: UserShard
) -> tuple[IntVector, list[BoolVector]]:
    if asked is None:
        listed = rule.value if isinstance(rule.value, tuple) else ()
        lists: list[tuple[Scalar, ...] | None] = [listed] * len(shard)
    else:
        lists = read_lists(asked, kind, rule=rule, ids=shard.user_ids)
    codes_of: dict[tuple[Scalar, ...] | None, int] = {}
    codes = np.array([codes_of.setdefault(values, len(codes_of)) for values in lists], dtype=np.int64)
    masks = []
    for values in codes_of:
        is_in = np.isin(items.values, as_array(values or (), kind))
        is_in = is_in if rule.test == "one_of" else ~is_in
        masks.append(_with_missing(rule, is_in, items, is_user_missing=values is None))
    return codes, masks


def _with_missing(rule: RuleConfig, is_in: BoolVector, items: Values, *, is_user_missing: bool) -> BoolVector:
    if is_user_missing:
        return np.full(len(is_in), not rule.drop_missing)
    return np.where(items.is_missing, not rule.drop_missing, is_in)
