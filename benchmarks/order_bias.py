"""A judge with a planted bias for whatever is shown first: is it measured, and is it gone when lists are shown both ways?

    python -m benchmarks.order_bias [--users 40] [--items 16] [--seed 1] [--output benchmarks/results/order_bias.md]

The judge is the package's own fake provider over HTTP on loopback: it orders items by the words that they share with the
profile, which are planted and known, and with a given probability puts the first shown first, whatever it is. Lists are shown
once (twice as many of them, so that both cost the same) or both ways round, by number, as a catalog may come, or shuffled.
Then strengths and grades are made as the step makes them, with four pairs a user graded by themselves.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import cohen_kappa_score

from tasks.judging.grading import Anchor, Standing, grade_all, pick_anchors, stand
from tasks.judging.order_bias import Estimate, Ranked, measure_order_bias
from tasks.judging.windows import Window, both_ways, plan_windows
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import ItemText, JudgeQuestion, RankQuestion, UserText
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer
from tasks.llm.types import Endpoint

BIASES = (0.0, 0.1, 0.3)
MODES = {"pairwise": 2, "listwise": 8}
ROUNDS = 4
N_WORDS = 12
N_ANCHORS = 4
LETTERS = "abcdefghijklmnopqrtuvwxyz"


@dataclass(frozen=True)
class World:
    """Users, each with items of their own; worth: the share of the profile's words that an item holds."""

    users: tuple[UserText, ...]
    items: Mapping[str, tuple[ItemText, ...]]
    worth: Mapping[tuple[str, str], float]

    def texts(self, user: UserText) -> dict[str, ItemText]:
        """The user's items by key."""
        return {item.key: item for item in self.items[user.key]}


@dataclass(frozen=True)
class Outcome:
    """What came of one way of asking: measured bias, agreement with the truth, and how far places leaked into strengths."""

    bias: Mapping[str, Estimate]
    spearman: float
    leak: float
    kappa: float
    n_lists: int
    orders: Mapping[tuple[str, Window], tuple[int, ...]]


def make_world(*, n_users: int, n_items: int, seed: int) -> World:
    """Profiles of twelve made-up words, items of twelve with few to many of them; numbers go with nothing."""
    draw = random.Random(seed)
    users, items, worth = [], {}, {}
    for number in range(n_users):
        own = _words(draw)
        user = UserText(f"u{number:03d}", "", interests=tuple(own))
        users.append(user)
        texts = []
        for place in range(n_items):
            n_shared = min(N_WORDS, int(draw.expovariate(1 / 3)))
            words = draw.sample([*own[:n_shared], *_words(draw)[n_shared:]], N_WORDS)
            item = ItemText(f"i{place:02d}", "", " ".join(words))
            texts.append(item)
            worth[user.key, item.key] = n_shared / N_WORDS
        items[user.key] = tuple(texts)
    return World(tuple(users), items, worth)


def _words(draw: random.Random) -> list[str]:
    return ["".join(draw.choices(LETTERS, k=8)) for _ in range(N_WORDS)]


def ask(world: World, *, bias: float, window: int, is_both: bool, is_sorted: bool, seed: int) -> Outcome:
    """Order lists and grade anchors over HTTP, and compare what comes out with what was planted."""
    lists: list[RankQuestion] = []
    for user in world.users:
        texts = world.texts(user)
        planned = plan_windows(
            [list(texts)], user=user.key, window=window, rounds=ROUNDS if is_both else 2 * ROUNDS, seed=seed
        )
        ordered = [tuple(sorted(one)) for one in planned] if is_sorted else planned
        shown = [way for one in ordered for way in (both_ways(one) if is_both else (one,))]
        lists += [RankQuestion(user, tuple(texts[key] for key in one)) for one in dict.fromkeys(shown)]
    provider = FakeProvider(seed=seed, faults=Faults(first_place_share=bias))
    with LoopbackServer(provider) as server:
        labeler = OpenAILabeler(
            Endpoint(name="fake", model="fake", base_url=server.url, max_in_flight=16), api_key=SecretStr("none")
        )
        rankings: dict[str, list[tuple[Ranked, str]]] = defaultdict(list)
        for reply in labeler.rank(lists):
            user_key, *keys = reply.key.split("|")
            if reply.answer is not None:
                rankings[user_key].append((Ranked(user_key, tuple(keys), reply.answer.ranks), reply.answer.reason))
        standings = [stand(user.key, list(world.texts(user)), rankings[user.key]) for user in world.users]
        anchors = grade_anchors(world, standings, labeler)
    return compare(world, standings, anchors, rankings)


def grade_anchors(world: World, standings: Sequence[Standing], labeler: OpenAILabeler) -> dict[str, dict[str, Anchor]]:
    """Four pairs a user, graded by themselves."""
    questions = [
        JudgeQuestion(user, world.texts(user)[key])
        for user, standing in zip(world.users, standings, strict=True)
        for key in pick_anchors(standing, standing.keys, {}, n_anchors=N_ANCHORS)
    ]
    found: dict[str, dict[str, Anchor]] = defaultdict(dict)
    for reply in labeler.judge(questions):
        user_key, key = reply.key.split("|")
        if reply.answer is not None:
            found[user_key][key] = Anchor(reply.answer.relevance, reply.answer.confidence, reply.answer.reason)
    return found


def compare(
    world: World,
    standings: Sequence[Standing],
    anchors: Mapping[str, Mapping[str, Anchor]],
    rankings: Mapping[str, Sequence[tuple[Ranked, str]]],
) -> Outcome:
    """Agreement with what was planted."""
    within, leaks = [], []
    for one in standings:
        worth = np.array([world.worth[one.user, key] for key in one.keys])
        within.append(float(spearmanr(worth, one.strengths.values).statistic))
        too_high = rankdata(one.strengths.values) - rankdata(worth)
        leaks.append(float(np.corrcoef(too_high, np.arange(len(one.keys)))[0, 1]))
    graded = grade_all(standings, anchors)
    # The fake grades by 1.5 times the shared words and some chance, which adds 0.2 on average.
    truth = [min(3, int(4 * (1.5 * world.worth[pair] + 0.2))) for pair in graded.grades]
    kappa = float(cohen_kappa_score(truth, [one.relevance for one in graded.grades.values()], weights="quadratic"))
    everything = [one for ranked in rankings.values() for one, _ in ranked]
    return Outcome(
        bias=measure_order_bias(everything),
        spearman=float(np.mean(within)),
        leak=float(np.mean(leaks)),
        kappa=kappa,
        n_lists=len(everything),
        orders={(one.user, one.items): one.ranks for one in everything},
    )


def planted(outcome: Outcome, bias: float) -> float:
    """The order bias that a share `bias` of first places makes, from the orders of a judge without any."""
    values = []
    for (_, items), ranks in outcome.orders.items():
        forced = [1, *(rank + (rank < ranks[0]) for rank in ranks[1:])]
        k = len(items)
        away = np.square(np.array(forced) - np.arange(1, k + 1)).sum()
        before = np.square(np.array(ranks) - np.arange(1, k + 1)).sum()
        values.append(6 * (before - away) / (k * (k * k - 1)))
    return bias * float(np.mean(values))


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/order_bias.md"))
    options = parser.parse_args()
    begun = time.perf_counter()
    world = make_world(n_users=options.users, n_items=options.items, seed=options.seed)
    measured, compared, n_asked = [], [], 0
    for mode, window in MODES.items():
        fair: Outcome | None = None
        for bias in BIASES:
            outcomes = {}
            for is_sorted, is_both in ((True, False), (False, False), (False, True)):
                found = ask(world, bias=bias, window=window, is_both=is_both, is_sorted=is_sorted, seed=options.seed)
                outcomes[is_sorted, is_both] = found
                n_asked += found.n_lists
            both = outcomes[False, True]
            fair = fair or both
            told, wanted = both.bias["order_bias"], planted(fair, bias)
            same, first = both.bias["order_consistency"], both.bias["first_place"]
            measured.append(
                f"| {mode} | {bias:.0%} | {wanted:.3f} | **{told.value:.3f}** | {told.low:.3f} to {told.high:.3f}"
                f" | {'yes' if told.low <= wanted <= told.high else 'no'} | {same.value:.1%} | {first.value:.3f}"
                f" | {told.n} |"
            )
            for (is_sorted, is_both), one in outcomes.items():
                compared.append(
                    f"| {mode} | {bias:.0%} | {'by number' if is_sorted else 'shuffled'}"
                    f" | {'both ways round' if is_both else 'once'} |"
                    f" {one.n_lists} | {one.spearman:.3f} | {one.leak:+.3f} | {one.kappa:.3f} |"
                )
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "openai"))
    lines = [
        "# Order bias: measured, and averaged out",
        "",
        f"Made by `python -m benchmarks.order_bias --users {options.users} --items {options.items} --seed {options.seed}`."
        f" Python {platform.python_version()}, {os.cpu_count()} CPUs, {packages}.",
        "",
        f"{options.users} users with {options.items} items each; the judge is the package's fake provider over HTTP,"
        f" {n_asked} lists in all. It orders by the words that item and profile share, and in a planted share of the lists"
        f" puts first what is shown first. Pairs, or lists of {MODES['listwise']}; each item in {ROUNDS} lists shown both"
        f" ways round, or in {2 * ROUNDS} lists shown once.",
        "",
        "## Measured",
        "",
        "Lists shuffled, shown both ways round. `order_bias` is the mean correlation of rank and place; for pairs that is"
        " the planted share itself, for longer lists what the planted share makes of the orders of the judge without bias.",
        "",
        "| mode | first put first | planted order_bias | measured | 95 % interval | holds it | order_consistency"
        " | first_place | lists |",
        "|---|---|---|---|---|---|---|---|---|",
        *measured,
        "",
        "## Averaged out",
        "",
        "Spearman: strengths and planted worth within a user, mean over users. Leak: correlation of an item's number, by"
        " which lists may be shown, with how much too high it comes out; negative: whatever stands first in the catalog"
        " comes out too high. Kappa: grades 0-3 and those that the planted worth stands for, quadratic weights.",
        "",
        "Shown once and by number, the bias leaks into the strengths, the more the larger it is. Shuffled, or both ways"
        " round (where it makes no difference which way comes first), it does not: it is noise. For about the same number"
        " of lists, showing each once compares more different pairs of items and ranks a little better; showing both ways"
        " is what makes the bias visible.",
        "",
        "| mode | first put first | shown | how often | lists | Spearman | leak | kappa |",
        "|---|---|---|---|---|---|---|---|",
        *compared,
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
