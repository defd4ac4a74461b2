"""Does a judged sample tell the truth about all pairs? A population with known grades, drawn from many times.

    python -m benchmarks.judge_sampling [--draws 500] [--seed 1] [--output benchmarks/results/judge_sampling.md]

Each draw is the judge's own (tasks.labeling.sampling), with another seed. From it the mean grade, the share of relevant
pairs (grade 2 or 3) and the mean grade by topic are estimated twice: with the weights 1 / probability (Hajek 1971, with
the variance of its linearisation), and as if the sample were a plain one. Reported: how often the 95 % interval holds the truth.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.labels import JudgeConfig
from tasks.labeling.sampling import Pool, draw_pairs

N_TOPICS = 4
Z95 = 1.959964
CONFIG = JudgeConfig()
NOISE = {"dense_profile": 0.6, "bm25": 1.0}
"""Standard deviation of what each source adds to the utility that the grades are cut from."""


@dataclass(frozen=True)
class Population:
    """grades (u, n), topics (n,), and what each source scores the pairs with."""

    grades: NDArray[np.int64]
    topics: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]

    @classmethod
    def make(cls, *, n_users: int, n_items: int, seed: int) -> Self:
        """About 10 % of the pairs grade 1, 5 % grade 2, 2 % grade 3; users like one topic more, items are popular unequally."""
        draw = np.random.default_rng(seed)
        topics = draw.integers(0, N_TOPICS, n_items)
        taste = draw.integers(0, N_TOPICS, n_users)
        popularity = draw.exponential(1.0, n_items)
        utility = draw.normal(size=(n_users, n_items)) + 1.2 * (taste[:, None] == topics[None, :]) + 0.3 * popularity
        cuts = np.quantile(utility, [0.83, 0.93, 0.98])
        scores = {name: utility + noise * draw.normal(size=utility.shape) for name, noise in NOISE.items()}
        scores["popularity"] = np.broadcast_to(popularity, utility.shape)
        return cls(np.searchsorted(cuts, utility).astype(np.int64), topics, scores)


@dataclass(frozen=True)
class Result:
    """One quantity: its truth, the mean of the estimates, and how often each interval holds the truth."""

    truth: float
    mean: float
    coverage: float
    width: float
    unweighted_mean: float
    unweighted_coverage: float


def simulate(population: Population, *, n_draws: int, seed: int) -> dict[str, Result]:
    """Draw n_draws samples and estimate each quantity from each of them."""
    users, items = population.grades.shape
    keys = np.random.default_rng(seed)
    user_keys, item_keys = (keys.integers(0, 2**63, size).astype(np.uint64) for size in (users, items))
    pool = Pool(CONFIG.sources, (users, items))
    for name in CONFIG.sources:
        rank = np.argsort(np.argsort(-population.scores[name], axis=1), axis=1) + 1
        user, item = np.indices(rank.shape).reshape(2, -1)
        pool.add(name, user=user, item=item, rank=rank.ravel())
    wanted = quantities(population)
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in wanted}
    for number in range(n_draws):
        drawn = draw_pairs(
            pool,
            user_keys=user_keys,
            item_keys=item_keys,
            n_pairs=np.full(users, CONFIG.pairs_per_user),
            is_open=np.ones((users, items), dtype=bool),
            is_seen=np.zeros((users, items), dtype=bool),
            config=CONFIG.model_copy(update={"seed": seed * 1_000_003 + number}),
        )
        for name, (values, is_counted) in wanted.items():
            kept = is_counted[drawn.user, drawn.item]
            seen, probability = values[drawn.user, drawn.item][kept], drawn.probability[kept]
            found[name].append((*estimate(seen, probability), *estimate_plainly(seen)))
    return {
        name: summarise(float(values[is_counted].mean()), np.array(found[name]))
        for name, (values, is_counted) in wanted.items()
    }


def quantities(population: Population) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """What is estimated: the values of all pairs, and which pairs count."""
    grades, everything = population.grades.astype(float), np.ones(population.grades.shape, dtype=bool)
    found = {"mean grade": (grades, everything), "share of relevant pairs": ((grades >= 2).astype(float), everything)}
    for topic in range(N_TOPICS):
        found[f"mean grade, topic {topic}"] = (grades, np.broadcast_to(population.topics == topic, grades.shape))
    return found


def estimate(values: NDArray[np.float64], probability: NDArray[np.float64]) -> tuple[float, float]:
    """The weighted mean and its standard error: Poisson sampling, linearised (Sarndal, Swensson and Wretman 1992, 5.7)."""
    weights = 1 / probability
    size = weights.sum()
    mean = float(weights @ values / size)
    variance = ((1 - probability) * np.square(weights * (values - mean))).sum() / size**2
    return mean, float(np.sqrt(variance))


def estimate_plainly(values: NDArray[np.float64]) -> tuple[float, float]:
    """The plain mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def summarise(truth: float, rows: NDArray[np.float64]) -> Result:
    """Coverage of the 95 % intervals over all draws."""
    covers: Callable[[int], float] = lambda column: float(  # noqa: E731
        (np.abs(rows[:, column] - truth) <= Z95 * rows[:, column + 1]).mean()
    )
    means = rows.mean(axis=0)
    return Result(truth, float(means[0]), covers(0), float(2 * Z95 * means[1]), float(means[2]), covers(2))


def main() -> None:
    """Simulate and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/judge_sampling.md"))
    options = parser.parse_args()
    population = Population.make(n_users=options.users, n_items=options.items, seed=options.seed)
    results = simulate(population, n_draws=options.draws, seed=options.seed)
    lines = [
        "# What a judged sample says of all pairs",
        "",
        f"Made by `python -m benchmarks.judge_sampling --draws {options.draws} --seed {options.seed}`. Python"
        f" {platform.python_version()}, {os.cpu_count()} CPUs, numpy {version('numpy')}.",
        "",
        f"A made-up population of {options.users} users and {options.items} items with known grades, of which"
        f" {CONFIG.pairs_per_user} pairs a user are judged as the catalog's defaults say: {CONFIG.near_share:.0%} of them the tops"
        f" of {', '.join(CONFIG.sources)} (all taken), {CONFIG.middle_share:.0%} from the middle, the others at random."
        f" {options.draws} samples were drawn with different seeds. Weighted: each pair stands for 1 / probability pairs."
        " Unweighted: as if the sample were a plain one.",
        "",
        "| | truth | weighted mean | 95 % interval holds the truth | its width | unweighted mean | its interval holds the truth |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {one.truth:.4f} | {one.mean:.4f} | **{one.coverage:.1%}** | {one.width:.4f} |"
            f" {one.unweighted_mean:.4f} | {one.unweighted_coverage:.1%} |"
            for name, one in results.items()
        ),
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
