"""The whole way from stored orders and anchors to one grade a pair. Pure; time O(lists * k² + items³) a user.

What each user's items were compared in becomes strengths (`strengths`), the anchors of all users together give the scale
(`scale`), and each pair gets the grade nearest to its expected one. A pair without evidence gets none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.judging.order_bias import Estimate, Ranked, exact_share
from tasks.judging.scale import choose_anchors, fit_scale, grade_of
from tasks.judging.strengths import Strengths, fit_strengths

DECIMALS = 2
NO_ANCHOR = "no_anchor: no pair of this user was graded by itself"
NOT_COMPARED = "not_compared: no list that holds it was answered"


@dataclass(frozen=True)
class Anchor:
    """What the judge said of a pair by itself."""

    relevance: int
    confidence: float
    reason: str


@dataclass(frozen=True)
class Standing:
    """One user's items in the order of `keys`, with their strengths and, of each, the reason of the list it did best in."""

    user: str
    keys: tuple[str, ...]
    strengths: Strengths
    wins: Mapping[str, tuple[int, int]]
    reasons: Mapping[str, str]

    @property
    def ranked(self) -> list[str]:
        """Items that were in any list, best first; equal ones by key."""
        places = [place for place in range(len(self.keys)) if self.strengths.n_lists[place]]
        return [self.keys[place] for place in sorted(places, key=lambda p: (-self.strengths.values[p], self.keys[p]))]


@dataclass(frozen=True)
class Graded:
    """The grades by (user, item); pairs without evidence, with why; and how well grades and anchors agree."""

    grades: Mapping[tuple[str, str], Anchor]
    ungraded: Mapping[tuple[str, str], str]
    agreement: Estimate
    n_anchors: int


def stand(user: str, keys: Sequence[str], rankings: Sequence[tuple[Ranked, str]]) -> Standing:
    """One user's strengths from orders with their reasons; orders that hold another item than `keys` are left out."""
    place = {key: number for number, key in enumerate(keys)}
    usable = [(one, reason) for one, reason in rankings if all(key in place for key in one.items)]
    orders, best = [], dict[str, tuple[float, str]]()
    won, met = dict.fromkeys(keys, 0), dict.fromkeys(keys, 0)
    for one, reason in usable:
        best_first = sorted(zip(one.ranks, one.items, strict=True))
        orders.append([place[key] for _, key in best_first])
        for rank, key in best_first:
            won[key] += len(one.items) - rank
            met[key] += len(one.items) - 1
            share = (len(one.items) - rank) / (len(one.items) - 1)
            if key not in best or share > best[key][0]:
                best[key] = (share, reason)
    return Standing(
        user=user,
        keys=tuple(keys),
        strengths=fit_strengths(orders, len(keys)),
        wins={key: (won[key], met[key]) for key in keys},
        reasons={key: reason for key, (_, reason) in best.items()},
    )


def pick_anchors(
    standing: Standing, active: Sequence[str], graded: Mapping[str, Anchor], *, n_anchors: int
) -> list[str]:
    """Items of a user to be graded by themselves: spread over the order, and whatever no list could hold."""
    can_be_asked = set(active)
    ranked = [key for key in standing.ranked if key in can_be_asked]
    alone = [key for key in active if key not in set(ranked) and key not in graded]
    return [*choose_anchors(ranked, set(graded), n_anchors=n_anchors), *alone]


def grade_all(standings: Sequence[Standing], anchors: Mapping[str, Mapping[str, Anchor]]) -> Graded:
    """Grades of every item of every standing; anchors by user and item. Users need one anchor to have a level."""
    rows = [(u, p) for u, one in enumerate(standings) for p in range(len(one.keys)) if one.strengths.n_lists[p]]
    users = np.array([user for user, _ in rows], dtype=np.int64)
    values = np.array([standings[user].strengths.values[place] for user, place in rows])
    errors = np.array([standings[user].strengths.errors[place] for user, place in rows])
    given = [anchors.get(standings[user].user, {}).get(standings[user].keys[place]) for user, place in rows]
    is_anchor = np.array([one is not None for one in given], dtype=bool)
    told = np.array([one.relevance for one in given if one is not None], dtype=np.int64)
    has_level = set(users[is_anchor].tolist())
    grades: dict[tuple[str, str], Anchor] = {}
    agreement = exact_share(0, 0)
    if len(told):
        scale = fit_scale(values[is_anchor], told, users[is_anchor], len(standings))
        found, sure = grade_of(scale.probabilities(values, errors, users))
        agreement = exact_share(int((found[is_anchor] == told).sum()), len(told))
        for (user, place), grade, confidence in zip(rows, found.tolist(), sure.tolist(), strict=True):
            if user in has_level:
                one = standings[user]
                reason = _explain(one, one.keys[place])
                grades[one.user, one.keys[place]] = Anchor(grade, round(confidence, DECIMALS), reason)
    ungraded: dict[tuple[str, str], str] = {}
    for one in standings:
        own = anchors.get(one.user, {})
        for place, key in enumerate(one.keys):
            if (one.user, key) in grades:
                continue
            if key in own:
                grades[one.user, key] = own[key]
            else:
                ungraded[one.user, key] = NO_ANCHOR if one.strengths.n_lists[place] else NOT_COMPARED
    return Graded(grades, ungraded, agreement, len(told))


def _explain(standing: Standing, key: str) -> str:
    won, met = standing.wins[key]
    n_lists = int(standing.strengths.n_lists[standing.keys.index(key)])
    lists = f"{n_lists} list" if n_lists == 1 else f"{n_lists} lists"
    return f"better than {won} of {met} items it was put beside in {lists}; where it did best: {standing.reasons[key]}"
