"""What the judge's lists are made of and what was said of them. Reads judge_samples, judge_rankings and judge_labels.

Memory O(sampled pairs + orders): some hundred bytes a pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.contracts.context import StepContext
from tasks.judging.grading import Anchor
from tasks.judging.order_bias import Ranked
from tasks.judging.windows import Window, both_ways, plan_windows
from warehouse.connection import Warehouse

PAIR = 2


@dataclass(frozen=True)
class UserSample:
    """A user's sampled contents, those of them that are active, and the lists in which they are to be compared."""

    user_id: str
    profile_hash: str
    contents: tuple[str, ...]
    active: tuple[str, ...]
    windows: tuple[Window, ...]

    def due(self, answered: Collection[Window]) -> list[Window]:
        """Lists as they are to be shown: first all one way, then all the other way round; without what is gone."""
        here = set(self.active)
        wanted: dict[Window, None] = {}
        for direction in (0, 1):
            for window in self.windows:
                shown = both_ways(window)[direction]
                left = tuple(key for key in shown if key in here)
                if shown not in answered and left not in answered and len(left) >= PAIR:
                    wanted[left] = None
        return list(wanted)


def read_samples(warehouse: Warehouse, context: StepContext, design: str) -> list[UserSample]:
    """The samples of all users of today, by user id."""
    catalog, config = context.catalog, context.catalog.judge
    frame = warehouse.query("queries/judge_batches", catalog=catalog.name, user_space=catalog.user_space, design=design)
    samples = []
    for (user_id, profile), rows in frame.group_by("user_id", "profile_hash", maintain_order=True):
        batches = [part["content_hash"].to_list() for _, part in rows.group_by("run_id", maintain_order=True)]
        windows = plan_windows(
            batches,
            user=str(profile),
            window=PAIR if config.mode == "pairwise" else config.window,
            rounds=config.rounds,
            seed=config.seed,
        )
        samples.append(
            UserSample(
                user_id=str(user_id),
                profile_hash=str(profile),
                contents=tuple(rows["content_hash"]),
                active=tuple(rows.filter("is_active")["content_hash"]),
                windows=tuple(windows),
            )
        )
    return samples


def read_rankings(
    warehouse: Warehouse, samples: Sequence[UserSample], fingerprint: str
) -> dict[str, list[tuple[Ranked, str]]]:
    """By profile hash, the orders that a labeler gave, each with its reason."""
    frame = warehouse.query(
        "queries/rankings_of_users",
        fingerprint=fingerprint,
        profile_hashes=[sample.profile_hash for sample in samples],
    )
    found: dict[str, list[tuple[Ranked, str]]] = defaultdict(list)
    for profile, contents, ranks, reason in frame.iter_rows():
        found[profile].append((Ranked(profile, tuple(contents), tuple(ranks)), reason))
    return found


def read_grades(warehouse: Warehouse, samples: Sequence[UserSample], fingerprint: str) -> dict[str, dict[str, Anchor]]:
    """By profile and content hash, the grades under a fingerprint."""
    frame = warehouse.query(
        "queries/grades_of_users",
        fingerprint=fingerprint,
        profile_hashes=[sample.profile_hash for sample in samples],
    )
    found: dict[str, dict[str, Anchor]] = defaultdict(dict)
    for profile, content, relevance, confidence, reason in frame.iter_rows():
        found[profile][content] = Anchor(relevance, confidence, reason)
    return found
