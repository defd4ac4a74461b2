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
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.recommending import RuleConfig
from tasks.retrieval.item_index import BoolVector, IntVector, ItemIndex
from tasks.retrieval.rules import RuleMask, evaluate_rules
from tasks.retrieval.user_shard import UserShard

Codes = NDArray[np.int16]
ALLOWED, INACTIVE, BLOCKED, SEEN, DUPLICATE_OF_SEEN, FIRST_RULE = range(6)
REASONS = ("inactive", "blocked", "seen", "duplicate_of_seen")
MARK_BITS = 22
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

    @cached_property
    def key_marks(self) -> BoolVector:
        """Which marks any key has: a pair whose mark none has is no key, so that few pairs are looked for."""
        marks = np.zeros(1 << MARK_BITS, dtype=np.bool_)
        marks[_mark(self.keys)] = True
        return marks

    @property
    def reasons(self) -> list[str]:
        """Names of the codes from 1 on."""
        return [*REASONS, *(f"rule:{rule.name}" for rule in self.rules)]

    def codes_of(self, users: IntVector, items: IntVector) -> Codes:
        """The code of each pair. O(pairs), and log keys for those that may be among the keys."""
        codes = self.item_codes[items]
        if len(self.keys):
            wanted = users * len(self.item_codes) + items
            maybe = np.flatnonzero(self.key_marks[_mark(wanted)])
            places = np.minimum(np.searchsorted(self.keys, wanted[maybe]), len(self.keys) - 1)
            is_own = (self.keys[places] == wanted[maybe]) & (codes[maybe] == ALLOWED)
            codes[maybe[is_own]] = self.key_codes[places[is_own]]
        for number, rule in enumerate(self.rules):
            is_out = ~rule.is_allowed[rule.codes[users], items]
            codes[(codes == ALLOWED) & is_out] = FIRST_RULE + number
        return codes

    def codes_of_all(self, users: IntVector, items: IntVector) -> NDArray[np.int16]:
        """(users, items) the codes of each of the users (ascending) with each of the items (different). O(users * items + keys)."""
        n_items = len(self.item_codes)
        codes = np.tile(self.item_codes[items], (len(users), 1))
        if len(self.keys) and len(items):
            column = np.full(n_items, -1, dtype=np.int32)
            column[items] = np.arange(len(items))
            rows = np.full(len(self.n_own), -1, dtype=np.int64)
            rows[users] = np.arange(len(users))
            owners, owned = np.divmod(self.keys, n_items)
            kept = np.flatnonzero((column[owned] >= 0) & (rows[owners] >= 0))
            row, place = rows[owners[kept]], column[owned[kept]]
            is_own = codes[row, place] == ALLOWED
            codes[row[is_own], place[is_own]] = self.key_codes[kept[is_own]]
        for number, rule in enumerate(self.rules):
            is_out = ~rule.is_allowed[:, items][rule.codes[users]]
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
    """Everything that a user of the shard must not get. O(seen and blocked items and the members of their groups).

    Memory: O(n + keys), and n bytes for each distinct value of users that a rule compares with.
    """
    item_codes = np.where(index.is_active, np.where(index.is_group_blocked, BLOCKED, ALLOWED), INACTIVE).astype(
        np.int16
    )
    seen = _pairs_of(shard.seen_indptr, shard.seen_items, len(index))
    blocked = _pairs_of(shard.blocked_indptr, shard.blocked_items, len(index))
    around_blocked, around_seen = _with_duplicates(blocked, index), _with_duplicates(seen, index)
    parts = [(blocked, BLOCKED), (around_blocked, BLOCKED), (seen, SEEN), (around_seen, DUPLICATE_OF_SEEN)]
    keys, first = np.unique(np.concatenate([part for part, _ in parts]), return_index=True)
    key_codes = np.concatenate([np.full(len(part), code, dtype=np.int16) for part, code in parts])[first]
    n_own = np.bincount(keys // max(1, len(index)), minlength=len(shard))
    return Exclusions(item_codes, keys, key_codes, n_own, evaluate_rules(rules, index, shard))


def without_duplicates(users: IntVector, items: IntVector, is_drawn: BoolVector, index: ItemIndex) -> BoolVector:
    """Which rows stay of lists (user, item; best first): of each near-duplicate group of a user the drawn one, else the first."""
    stays = np.ones(len(users), dtype=np.bool_)
    twins = np.flatnonzero(index.group_sizes[items] > 1)
    groups = index.group_codes[items[twins]]
    order = np.lexsort((twins, ~is_drawn[twins], groups, users[twins]))
    owner, group = users[twins][order], groups[order]
    is_later = np.r_[False, (owner[1:] == owner[:-1]) & (group[1:] == group[:-1])] if len(order) else is_drawn[:0]
    stays[twins[order[is_later]]] = False
    return stays


def _pairs_of(indptr: IntVector, items: IntVector, n_items: int) -> IntVector:
    users = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.asarray(users * n_items + items, dtype=np.int64)


def _with_duplicates(keys: IntVector, index: ItemIndex) -> IntVector:
    """The keys of all items in the groups of the given ones that have such."""
    n = len(index)
    keys = keys[index.group_sizes[keys % n] > 1] if len(keys) else keys
    if not len(keys):
        return keys
    members, starts = index.group_members
    groups = np.unique(keys // n * n + index.group_codes[keys % n])
    owner, group = groups // n, groups % n
    lengths = starts[group + 1] - starts[group]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.repeat(owner, lengths) * n + members[np.repeat(starts[group], lengths) + within])


def _mark(keys: IntVector) -> IntVector:
    """A number of MARK_BITS bits for each key, spread evenly (Knuth's multiplicative hashing)."""
    return np.asarray((keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - MARK_BITS)).astype(
        np.int64
    )
