"""Reading near-duplicates: which pairs a reader is given, what was said of them, and what follows for precision.

Reads results/near_duplicates_read.csv, where the verdicts lie by file number alone, since the articles may not be copied.
"""

from __future__ import annotations

import csv
import random
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from tasks.labelers.protocol import PairQuestion, SimilarAnswer

VERDICTS = Path(__file__).parent / "results/near_duplicates_read.csv"
SEED, N_FOUND, N_BELOW = 20, 50, 20

Verdicts = dict[tuple[str, str], tuple[str, str]]
"""(yes or no, why) by pair of item ids."""

ABOUT_READING = """\
A seeded draw from the pairs that are called near-duplicates and differ in more than case and blanks. One reader, a language
model and not a person, gave one verdict a pair, strictly: *yes* if one story is told twice, whether shortened, corrected,
updated or under another title; *no* if the later report has substantial news of its own. Where the articles share sentences
word for word, those that differ were read; of very long differences the first 1,500 characters a side. The reader saw the
verifier's probability beside the texts. Interval: Clopper-Pearson, 95 %. The rows by probability were added after reading.
"""

ABOUT_MISSES = """\
What is refused just below the line is, but for the pairs marked yes, the next report on one affair. The reader's strict rule
and the verifier's line cut through the same stretch of follow-ups. Nothing was changed after these figures were seen.
"""


@dataclass(frozen=True)
class Verified:
    """A candidate pair of contents, under the smallest item ids that have them, and the labeler's answer."""

    question: PairQuestion
    answer: SimilarAnswer

    @property
    def ids(self) -> tuple[str, str]:
        return (self.question.a.key, self.question.b.key)


def fold(text: str) -> str:
    """Lower case, blanks collapsed."""
    return " ".join(text.split()).casefold()


def is_copy(one: Verified) -> bool:
    """Whether title and text are the same but for case and blanks."""
    a, b = one.question.a, one.question.b
    return (fold(a.title), fold(a.text)) == (fold(b.title), fold(b.text))


def has_same_text(one: Verified) -> bool:
    """Whether the texts are the same but for case and blanks, whatever the titles."""
    return fold(one.question.a.text) == fold(one.question.b.text)


def draw_found(verified: Sequence[Verified]) -> list[Verified]:
    """At most 50 of the pairs called near-duplicates whose title or text differ in more than case and blanks."""
    found = sorted((one for one in verified if one.answer.is_similar and not is_copy(one)), key=lambda one: one.ids)
    return sorted(random.Random(SEED).sample(found, min(N_FOUND, len(found))), key=lambda one: one.ids)


def take_below(verified: Sequence[Verified]) -> list[Verified]:
    """The 20 refused pairs that were nearest to being called near-duplicates."""
    refused = [one for one in verified if not one.answer.is_similar]
    return sorted(refused, key=lambda one: (-one.answer.confidence, one.ids))[:N_BELOW]


def read_verdicts() -> Verdicts:
    """What a reader said of the pairs that were drawn."""
    with VERDICTS.open(encoding="utf-8", newline="") as file:
        return {(row["a"], row["b"]): (row["verdict"], row["why"]) for row in csv.DictReader(file)}


def describe_strata(drawn: Sequence[Verified], verdicts: Verdicts, verified: Sequence[Verified]) -> Iterator[str]:
    """Precision by how the texts differ and by the verifier's probability, and how many such pairs there are in all."""
    strata: dict[str, Callable[[Verified], bool]] = {
        "same text, other title": has_same_text,
        "texts differ": lambda one: not has_same_text(one),
        "texts differ, probability of 0.75 or more": lambda one: (
            not has_same_text(one) and one.answer.confidence >= 0.75
        ),
        "texts differ, probability of 0.5 to 0.75": lambda one: one.answer.confidence < 0.75,
    }
    found = [one for one in verified if one.answer.is_similar and not is_copy(one)]
    yield "| | found in all | of the sample, one story |\n|---|---|---|"
    for name, belongs in strata.items():
        part = [one for one in drawn if belongs(one)]
        yield f"| {name} | {sum(map(belongs, found))} | {share_same(part, verdicts)} |"
    yield ""


def describe_read(pairs: Sequence[Verified], verdicts: Verdicts, *, what: str) -> Iterator[str]:
    """The share of pairs that a reader calls one story told twice, and the verdict on each."""
    yield f"{what}: {share_same(pairs, verdicts)}.\n"
    yield "| a | b | cosine | probability | same story? | why |\n|---|---|---|---|---|---|"
    for one in pairs:
        a, b = one.ids
        verdict, why = verdicts.get(one.ids, ("not read", ""))
        yield f"| {a}.txt | {b}.txt | {one.question.cosine:.2f} | {one.answer.confidence:.2f} | {verdict} | {why} |"
    yield ""


def share_same(pairs: Sequence[Verified], verdicts: Verdicts) -> str:
    """How many of the pairs that were read are one story, with the exact interval."""
    read = [one for one in pairs if one.ids in verdicts]
    if not read:
        return f"none of {len(pairs)} was read"
    n_same = sum(verdicts[one.ids][0] == "yes" for one in read)
    interval = binomtest(n_same, len(read)).proportion_ci(method="exact")
    unread = f" ({len(pairs) - len(read)} more were drawn and not read)" if len(read) < len(pairs) else ""
    share = n_same / len(read)
    return f"**{n_same} of {len(read)}**, {share:.3f} [{interval.low:.3f}, {interval.high:.3f}]{unread}"


def show(pairs: Sequence[Verified]) -> None:
    """Print the pairs' texts for a reader; they go nowhere else."""
    for one in pairs:
        print("=" * 8, *one.ids, one.answer.confidence, one.answer.reason)
        for item in (one.question.a, one.question.b):
            print(textwrap.fill(f"[{item.title}] {item.text}", 200), "\n--")
