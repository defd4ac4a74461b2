"""Are the variants of one product found? 845 products of the adidas shop, whose colours share a description.

    python -m benchmarks.variants --data ../shared/data [--vectors adidas.npy] [--output PAGE]

Reads adidas_usa.csv through examples/catalogs/adidas.toml and does what the stage `similar` does (see near_duplicates.py).
Gold are the products with the same description; predicted are the groups. What a reader said of the disagreements lies in
results/variants_read.csv, by SKU.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.near_duplicates import PACKAGES, embed_contents, group_of, name_contents, read_items, verify_candidates
from benchmarks.near_duplicates_read import Verified, fold
from tasks.contracts.catalog_file import load_catalog
from tasks.labelers.protocol import ItemText

CATALOG = Path(__file__).parent.parent / "examples/catalogs/adidas.toml"
VERDICTS = Path(__file__).parent / "results/variants_read.csv"
SEED, DRAWS, N_READ = 20, 2000, 30

Pair = tuple[str, str]

GOLDS: dict[str, Callable[[ItemText], str]] = {
    "same description": lambda item: fold(item.text),
    "same description and name": lambda item: f"{fold(item.title)}\n{fold(item.text)}",
    "same name": lambda item: fold(item.title),
}
"""The first is the gold; the others show how much hangs on that choice."""

ABOUT_GOLD = """\
Gold group: products with the same description, case and blanks aside; no description is empty. The name is left out of it:
{n_renamed} descriptions stand under two names each (an edition, a plus size, two cuts of briefs), and their sellers called them
one text. It is a narrow gold: variants whose description was retouched, by a comma or by a writer for each colour, are apart in
it. So *same name* is reported beside it, which is wide: a name goes on over years, models and ages. Most gold pairs have the
same name too, so they are one content with one label, and their recall says nothing of the search or the verifier.

Pairs are pairs of SKUs; a predicted pair lies in one predicted group, whether the verifier saw it or a chain made it. Intervals:
95 %, bootstrap over gold groups, {draws:,} draws, seed {seed}. Nothing was chosen on these figures.
"""

ABOUT_KINDS = """\
No gold pair was refused or overlooked, so all that was read are false positives: {n_read} drawn (seed {seed}) from the {n_wrong}
pairs of contents that the verifier joined against the gold. One reader, a language model and not a person, saw names, colours,
sections of the shop, prices and descriptions, and gave each pair a kind. The first two kinds are what a shopper would call
variants of one product, and there the gold is at fault; the last two are the verifier's.
"""


@dataclass(frozen=True)
class Scores:
    """Of pairs, and the share of gold groups of two or more that are a predicted group exactly; in [0, 1]."""

    precision: float
    recall: float
    f1: float
    exact: float


@dataclass(frozen=True)
class Grouping:
    """Items in gold groups and the predicted pairs, by the gold groups' numbers."""

    sizes: NDArray[np.int64]
    is_exact: NDArray[np.bool_]
    ends: NDArray[np.int64]
    """Gold groups of the two ends of each predicted pair, shape (n, 2)."""

    def score(self, weights: NDArray[np.int64]) -> Scores:
        """Each gold group counted as often as its weight says; a pair across two groups as often as both together."""
        a, b = self.ends.T
        same = a == b
        right = float(weights[a[same]].sum())
        wrong = float((weights[a[~same]] * weights[b[~same]]).sum())
        gold = float((weights * self.sizes * (self.sizes - 1) // 2).sum())
        several = self.sizes > 1
        exact = float((weights * self.is_exact)[several].sum() / weights[several].sum())
        precision, recall = right / (right + wrong), right / gold
        return Scores(precision, recall, 2 * precision * recall / (precision + recall), exact)


def members_of(groups: Mapping[str, str]) -> list[list[str]]:
    """The items of each group."""
    found: dict[str, list[str]] = defaultdict(list)
    for item, group in sorted(groups.items()):
        found[group].append(item)
    return list(found.values())


def pairs_of(groups: Mapping[str, str]) -> set[Pair]:
    """All pairs of items within a group, the smaller id first."""
    return {pair for members in members_of(groups) for pair in combinations(members, 2)}


def compare_groups(gold: Mapping[str, str], predicted: Mapping[str, str]) -> Grouping:
    """The predicted pairs against the gold."""
    members = members_of(gold)
    number = {item: place for place, group in enumerate(members) for item in group}
    whole = {frozenset(group) for group in members_of(predicted)}
    ends = [(number[a], number[b]) for a, b in sorted(pairs_of(predicted))]
    return Grouping(
        sizes=np.array([len(group) for group in members]),
        is_exact=np.array([frozenset(group) in whole for group in members]),
        ends=np.array(ends, dtype=np.int64).reshape(-1, 2),
    )


def describe_scores(name: str, grouping: Grouping) -> str:
    """A row: precision, recall, F1 and exact groups with their intervals."""
    rng = np.random.default_rng(SEED)
    n = len(grouping.sizes)
    seen = grouping.score(np.ones(n, dtype=np.int64))
    drawn = [grouping.score(np.bincount(rng.integers(n, size=n), minlength=n)) for _ in range(DRAWS)]
    cells = []
    for field in ("precision", "recall", "f1", "exact"):
        low, high = np.quantile([getattr(one, field) for one in drawn], [0.025, 0.975])
        cells.append(f"{getattr(seen, field):.3f} [{low:.3f}, {high:.3f}]")
    several = int((grouping.sizes > 1).sum())
    return f"| {name} | {several} | " + " | ".join(cells) + " |"


def describe_losses(
    name: str, gold: set[Pair], predicted: set[Pair], content_of: Mapping[str, str], verified: Sequence[Verified]
) -> str:
    """A row: what becomes of the gold pairs, of equal content, overlooked by the search, refused, and rejoined by a chain."""
    answers = {one.ids: one.answer.is_similar for one in verified}
    fates: Counter[str] = Counter()
    for a, b in gold:
        ids = content_of[a], content_of[b]
        if ids[0] == ids[1]:
            fates["equal"] += 1
            continue
        answer = answers.get((min(ids), max(ids)))
        fate = "overlooked" if answer is None else "joined" if answer else "refused"
        fates[fate] += 1
        fates[f"{fate} rejoined"] += (a, b) in predicted
    cells = [str(fates["equal"]), str(fates["joined"])]
    cells += [f"{fates[fate]} ({fates[f'{fate} rejoined']})" for fate in ("overlooked", "refused")]
    return f"| {name} | {len(gold)} | " + " | ".join(cells) + " |"


def describe_wrong(
    items: Sequence[ItemText], predicted: set[Pair], gold: set[Pair], content_of: Mapping[str, str], joined: set[Pair]
) -> Iterator[str]:
    """Where the false positives come from: the verifier itself or a chain, with equal names or not."""
    names = {item.key: fold(item.title) for item in items}
    counts: Counter[tuple[str, bool]] = Counter()
    for a, b in predicted - gold:
        first, second = sorted((content_of[a], content_of[b]))
        counts["verifier" if (first, second) in joined else "chain", names[a] == names[b]] += 1
    yield "| false pairs | same name | other name |\n|---|---|---|"
    for how, said in (("verifier", "joined by the verifier"), ("chain", "joined by a chain alone")):
        yield f"| {said} | {counts[how, True]} | {counts[how, False]} |"
    yield ""


def read_kinds() -> dict[Pair, tuple[str, str]]:
    """(kind, what differs) by pair of SKUs."""
    with VERDICTS.open(encoding="utf-8", newline="") as file:
        return {(row["a"], row["b"]): (row["kind"], row["what"]) for row in csv.DictReader(file)}


def describe_kinds(drawn: Sequence[Verified]) -> Iterator[str]:
    """What a reader called the false positives."""
    kinds = read_kinds()
    read = [one for one in drawn if one.ids in kinds]
    counts = Counter(kinds[one.ids][0] for one in read)
    yield f"| kind | of {len(read)} read |\n|---|---|"
    for kind in dict.fromkeys(kind for kind, _ in kinds.values()):
        yield f"| {kind} | {counts[kind]} |"
    yield "\n| a | b | cosine | probability | kind | what differs |\n|---|---|---|---|---|---|"
    for one in drawn:
        kind, what = kinds.get(one.ids, ("not read", ""))
        a, b = one.ids
        yield f"| {a} | {b} | {one.question.cosine:.2f} | {one.answer.confidence:.2f} | {kind} | {what} |"


def report(items: Sequence[ItemText], verified: Sequence[Verified]) -> Iterator[str]:
    """The page, line by line."""
    content_of = name_contents(items)
    predicted = group_of(verified, content_of)
    pairs = pairs_of(predicted)
    golds = {name: {item.key: key(item) for item in items} for name, key in GOLDS.items()}
    gold = golds["same description"]
    joined = {one.ids for one in verified if one.answer.is_similar}
    wrong = sorted((one for one in verified if one.ids in joined and gold[one.ids[0]] != gold[one.ids[1]]), key=_ids)
    drawn = sorted(random.Random(SEED).sample(wrong, min(N_READ, len(wrong))), key=_ids)
    n_renamed = len(set(golds["same description and name"].values())) - len(set(gold.values()))
    sizes = Counter(map(len, members_of(predicted)))
    yield "# Variants of one product: the adidas shop\n"
    yield "`python -m benchmarks.variants --data DATA`, DATA holding adidas_usa.csv; settings of the catalog file."
    yield f"Python {platform.python_version()}, {os.cpu_count()} CPUs, " + ", ".join(
        f"{p} {version(p)}" for p in PACKAGES
    )
    yield f"\n{len(items)} SKUs, {len(set(content_of.values()))} contents, {len(set(gold.values()))} descriptions;"
    yield f"{len(verified)} candidate pairs of contents, {len(joined)} joined. Predicted groups: "
    yield ", ".join(f"{n} of {size}" for size, n in sorted(sizes.items())) + f", with {len(pairs)} pairs.\n"
    yield ABOUT_GOLD.format(n_renamed=n_renamed, draws=DRAWS, seed=SEED)
    yield "| gold | groups of two or more | precision | recall | F1 | exactly a predicted group |\n|---|---|---|---|---|---|"
    yield from (describe_scores(name, compare_groups(one, predicted)) for name, one in golds.items())
    yield "\n## What becomes of the gold pairs\n"
    yield "In brackets, of these in one group all the same, by a chain of other pairs. Equal contents need no verifier.\n"
    yield "| gold | pairs | equal content | joined | overlooked by the search | refused |\n|---|---|---|---|---|---|"
    for name, one in golds.items():
        yield describe_losses(name, pairs_of(one), pairs, content_of, verified)
    yield "\n## What is predicted beside the gold\n"
    yield from describe_wrong(items, pairs, pairs_of(gold), content_of, joined)
    yield ABOUT_KINDS.format(n_read=len(drawn), n_wrong=len(wrong), seed=SEED)
    yield from describe_kinds(drawn)
    yield ""


def _ids(one: Verified) -> Pair:
    return one.ids


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/variants.md"))
    options = parser.parse_args()
    catalog = load_catalog(CATALOG, {"data": str(options.data.resolve())})
    items = [item for item in read_items(catalog) if item.text.strip()]
    content_of = name_contents(items)
    contents = [item for item in items if content_of[item.key] == item.key]
    verified = verify_candidates(contents, embed_contents(contents, catalog, vectors=options.vectors), catalog)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(report(items, verified)), encoding="utf-8")
    print(options.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
