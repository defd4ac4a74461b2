"""What must not be recommended to a user, and how much of it the sources had found.

inactive           the source no longer lists the item
blocked            nobody gets the item, or the user never wants it, or it is a near-duplicate of such an item
seen               the user knows the item
duplicate_of_seen  the user knows a near-duplicate of it
rule:<name>        the item fails a rule of the catalog file
duplicate          a near-duplicate of it stands higher in the same list

A pair counts under the first of these that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.recommending import RuleConfig
from tasks.retrieval.item_index import BoolVector, IntVector, ItemIndex
from tasks.retrieval.rules import RuleMask, evaluate_rules
from tasks.retrieval.user_shard import UserShard

Codes = NDArray[np.int16]
ALLOWED, INACTIVE, BLOCKED, SEEN, DUPLICATE_OF_SEEN, FIRST_RULE = range(6)
REASONS = ("inactive", "blocked", "seen", "duplicate_of_seen")
NOT_ELIGIBLE = -1
"""The code of what may be shown but must not be drawn; it counts under no reason."""


@dataclass(frozen=True)
class Exclusions:
    """item_codes: (n,) why nobody gets an item. keys: user * n + item of what one user must not get, sorted, with
    key_codes. n_own: (u,) keys a user. rules: masks of the rules. Code 0 is allowed, c is reasons[c - 1].
    """

    item_codes: Codes
    keys: IntVector
    key_codes: Codes
    n_own: IntVector
    rules: list[RuleMask]

    @property
    def reasons(self) -> list[str]:
        """Names of the codes from 1 on."""
        return [*REASONS, *(f"rule:{rule.name}" for rule in self.rules)]

    def codes_of(self, users: IntVector, items: IntVector) -> Codes:
        """The code of each pair. O(pairs * log keys)."""
        codes = self.item_codes[items].copy()
        wanted = users * len(self.item_codes) + items
        if len(self.keys):
            places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            own = np.where(self.keys[places] == wanted, self.key_codes[places], ALLOWED)
            codes = np.where(codes == ALLOWED, own, codes)
        for number, rule in enumerate(self.rules):
            is_out = ~rule.is_allowed[rule.codes[users], items]
            codes[(codes == ALLOWED) & is_out] = FIRST_RULE + number
        return codes

    def count_allowed(self) -> IntVector:
        """(u,) how many items each user may be shown. O(distinct combinations of the users' values * n + keys)."""
        n_users, n_items = len(self.n_own), len(self.item_codes)
        combined = np.stack([np.zeros(n_users, np.int64), *(rule.codes for rule in self.rules)], axis=1)
        distinct, codes = np.unique(combined, axis=0, return_inverse=True)
        counts = np.array([self._passing(choice[1:]).sum() for choice in distinct], dtype=np.int64)
        owners, items = self.keys // max(1, n_items), self.keys % max(1, n_items)
        would_pass = self.item_codes[items] == ALLOWED
        for rule in self.rules:
            would_pass &= rule.is_allowed[rule.codes[owners], items]
        return counts[codes.reshape(n_users)] - np.bincount(owners[would_pass], minlength=n_users)

    def only(self, is_eligible: BoolVector) -> Exclusions:
        """The same, and what is not eligible (n,) is out, too."""
        codes = np.where((self.item_codes == ALLOWED) & ~is_eligible, NOT_ELIGIBLE, self.item_codes)
        return replace(self, item_codes=codes.astype(np.int16))

    def _passing(self, choice: IntVector) -> BoolVector:
        passing: BoolVector = self.item_codes == ALLOWED
        for rule, code in zip(self.rules, choice, strict=True):
            passing = passing & rule.is_allowed[code]
        return passing


def find_exclusions(index: ItemIndex, shard: UserShard, rules: Sequence[RuleConfig] = ()) -> Exclusions:
    """Everything that a user of the shard must not get. O(n + seen and blocked items and the members of their groups).

    Memory: O(n + keys), and n bytes for each distinct value of users that a rule compares with.
    """
    blocked_groups = np.unique(index.group_codes[index.is_blocked])
    codes = np.where(np.isin(index.group_codes, blocked_groups), BLOCKED, ALLOWED)
    item_codes = np.where(index.is_active, codes, INACTIVE).astype(np.int16)
    seen = _pairs_of(shard.seen_indptr, shard.seen_items, len(index))
    blocked = _pairs_of(shard.blocked_indptr, shard.blocked_items, len(index))
    around_seen = _with_duplicates(seen, index)
    parts = [(_with_duplicates(blocked, index), BLOCKED), (seen, SEEN), (around_seen, DUPLICATE_OF_SEEN)]
    keys, first = np.unique(np.concatenate([part for part, _ in parts]), return_index=True)
    key_codes = np.concatenate([np.full(len(part), code, dtype=np.int16) for part, code in parts])[first]
    n_own = np.bincount(keys // max(1, len(index)), minlength=len(shard))
    return Exclusions(item_codes, keys, key_codes, n_own, evaluate_rules(rules, index, shard))


def drop_duplicates(ordered: pl.DataFrame, index: ItemIndex) -> tuple[pl.DataFrame, int]:
    """Of each near-duplicate group one row of a user: the drawn one, else the first; and how many went.

    ordered: user, item, propensity (null: not drawn), ..., best first.
    """
    rows = ordered.with_columns(
        pl.Series("group", index.group_codes[ordered["item"].cast(pl.Int64).to_numpy()]),
        is_drawn=pl.col("propensity").is_not_null(),
    )
    is_best = pl.col("is_drawn").cast(pl.Int8).arg_max().over("user", "group")
    kept = rows.filter(pl.int_range(pl.len()).over("user", "group") == is_best).drop("group", "is_drawn")
    return kept, len(ordered) - len(kept)


def _pairs_of(indptr: IntVector, items: IntVector, n_items: int) -> IntVector:
    users = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.asarray(users * n_items + items, dtype=np.int64)


def _with_duplicates(keys: IntVector, index: ItemIndex) -> IntVector:
    """The keys of all items in the groups of the given ones."""
    if not len(keys):
        return keys
    n = len(index)
    members = np.argsort(index.group_codes, kind="stable")
    sizes = np.bincount(index.group_codes)
    starts = np.cumsum(sizes) - sizes
    groups = np.unique(keys // n * n + index.group_codes[keys % n])
    owner, group = groups // n, groups % n
    lengths = sizes[group]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.repeat(owner, lengths) * n + members[np.repeat(starts[group], lengths) + within])
