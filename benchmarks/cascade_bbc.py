"""How good do BBC's topics get when a strong model is asked about every tenth article? Student, free labeler, strong model.

    python -m benchmarks.cascade_bbc --data ../shared/data [--vectors bbc.npy] [--output benchmarks/results/cascade_bbc.md]

Reads bbc-news-summary.zip through examples/catalogs/bbc.toml; the folder is the gold topic. The strong model is simulated:
gold with 6.8 % of errors, even over the other topics (GPT-4o-mini labels BBC 93.2 % right). Gold answers its questions and
counts the errors; nothing is fitted or chosen on it otherwise. --vectors keeps the embeddings, which are most of the time.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelers_bbc import CATALOG, read_articles, topics_of
from tasks.contracts.catalog_file import load_catalog
from tasks.embedding.protocol import Matrix
from tasks.embedding.sentence import load_embedder
from tasks.labelers.calibration import topic_probabilities
from tasks.labelers.prototypes import fit_prototypes
from tasks.student.auditing import ErrorEstimate, audit_error
from tasks.student.choosing import choose_items, draw_audit
from tasks.student.deciding import UNANSWERED, Answers, Decisions, decide
from tasks.student.fitting import WeakLabels, cross_fit_student

PACKAGES = ("sentence-transformers", "scikit-learn", "scipy", "numpy")
ORACLE_ERROR = 0.068
SHARES = (0.05, 0.10, 0.20)
SEEDS = range(20)
AUDIT_SHARE = 0.2
"""Of the questions, how many go to the random audit sample."""
NIGHTS = 3
"""Over how many nights the questions are spread; the first is cold."""

NOTES = (
    "\n## Notes\n",
    "- The oracle's errors are independent of the article. A real model errs where articles are hard, which is where it is asked "
    "here, and twice in the same way on copies: expect less from one.",
    "- Tokens are counted as questions: BBC's articles are cut at 2,000 characters, so the chosen ones cost about the same.",
    "- The free labeler answers everything, so no student's threshold is used here: *cheap* are labels on which student and "
    "prototypes agree. Choosing and deciding use the oracle's error rate as known.",
    "- The prototypes' descriptions were written for BBC, and the corpus has 98 exact copies; a copy of an asked article is "
    "never asked, and the student learns from its twin.",
    "- An audit of some dozen articles by a model that is itself wrong in one of fifteen says little: its interval is "
    "wide, and as no estimate goes below 0, small errors are overstated on average. People's answers, with a smaller error, say "
    "more for each question.",
)


@dataclass(frozen=True)
class Corpus:
    """Vectors (n, d), gold columns (n,), topic names, and the free labeler's probabilities (n, t + 1), none last."""

    vectors: Matrix
    gold: NDArray[np.intp]
    names: tuple[str, ...]
    free: NDArray[np.float64]

    @property
    def weak(self) -> WeakLabels:
        labels = [(*self.names, None)[code] for code in self.free.argmax(axis=1)]
        return WeakLabels(self.vectors, labels, self.free.max(axis=1))


@dataclass(frozen=True)
class Outcome:
    """One run: decisions with all evidence, who was asked, and the audit's estimate for the items nobody was asked about."""

    student_right: float
    student_right_unasked: float
    n_audit: int
    n_chosen: int
    n_asked: int
    accuracy: float
    strong_alone: float
    chosen_accuracy: float
    overruled: tuple[int, int]
    unasked_error: float
    estimate: ErrorEstimate
    by_source: dict[str, tuple[int, int]]


def load_corpus(data: Path, *, vectors: Path | None) -> Corpus:
    """Articles, and what the prototypes, fitted without gold, say about each."""
    catalog = load_catalog(CATALOG, {"data": str(data.resolve())})
    embedder = load_embedder()
    articles = read_articles(catalog, embedder, vectors=vectors)
    prototypes = fit_prototypes(articles.vectors, topics_of(catalog), embedder=embedder)
    cosines = articles.vectors @ prototypes.centres.T
    free = topic_probabilities(cosines, fence=prototypes.fence, temperature=prototypes.temperature)
    gold = np.array([prototypes.names.index(name) for name in articles.gold], dtype=np.intp)
    return Corpus(articles.vectors, gold, prototypes.names, free)


def ask_oracle(gold: NDArray[np.intp], *, n_topics: int, seed: int) -> NDArray[np.intp]:
    """What the simulated strong model would answer to every article: wrong at random in 6.8 %, evenly."""
    generator = np.random.default_rng([seed, 68])
    is_wrong = generator.random(len(gold)) < ORACLE_ERROR
    return np.where(is_wrong, (gold + generator.integers(1, n_topics, len(gold))) % n_topics, gold)


def run_cascade(corpus: Corpus, *, share: float, seed: int) -> Outcome:
    """Audit, then NIGHTS rounds of choosing, asking and refitting; the asks of all of them are share of the articles."""
    n, n_topics = len(corpus.gold), len(corpus.names)
    oracle = ask_oracle(corpus.gold, n_topics=n_topics, seed=seed)
    asks = round(share * n)
    audit = draw_audit(n, size=round(AUDIT_SHARE * asks), seed=seed).rows
    chosen = np.empty(0, np.intp)
    for night in range(NIGHTS):
        # What the audit has asked already costs nothing when it is chosen too.
        left = asks - len(np.union1d(audit, chosen))
        k = left // (NIGHTS - night)
        pool = corpus.free
        if night:
            proba = _learn(corpus, oracle, np.union1d(audit, chosen), seed=seed)
            pool = decide(proba, pooled=corpus.free).posterior
        new = choose_items(
            corpus.vectors, k=k, probabilities=pool, labeled=chosen, is_cold=not night, seed=seed + night
        )
        chosen = np.concatenate([chosen, new])
    asked = np.union1d(audit, chosen)
    proba = _learn(corpus, oracle, asked, seed=seed)
    strong = np.full(n, UNANSWERED, dtype=np.intp)
    strong[asked] = oracle[asked]
    decisions = decide(proba, pooled=corpus.free, strong=Answers(strong, ORACLE_ERROR))
    return _measure(corpus, decisions, proba, oracle, audit=audit, chosen=chosen)


def _learn(corpus: Corpus, oracle: NDArray[np.intp], asked: NDArray[np.intp], *, seed: int) -> NDArray[np.float64]:
    labels = [corpus.names[code] for code in oracle[asked]]
    fitted = cross_fit_student(
        corpus.vectors[asked], labels, classes=corpus.names, weak=corpus.weak, label_error=ORACLE_ERROR, seed=seed
    )
    proba = fitted.student.predict_proba(corpus.vectors)
    proba[asked] = fitted.out_of_fold
    return proba


def _measure(
    corpus: Corpus,
    decisions: Decisions,
    proba: NDArray[np.float64],
    oracle: NDArray[np.intp],
    *,
    audit: NDArray[np.intp],
    chosen: NDArray[np.intp],
) -> Outcome:
    right = decisions.codes == corpus.gold
    unasked = np.ones(len(right), dtype=np.bool_)
    unasked[chosen] = False
    # The audit of what was not chosen: what would have been said without its own answer, against its answer.
    unaided = decide(proba, pooled=corpus.free).codes
    audited = audit[unasked[audit]]
    by_source = {}
    for source in dict.fromkeys(decisions.sources):
        of_source = np.array([name == source for name in decisions.sources])
        by_source[str(source)] = (int(of_source.sum()), int((of_source & right).sum()))
    return Outcome(
        student_right=float((proba.argmax(axis=1) == corpus.gold).mean()),
        student_right_unasked=float((proba.argmax(axis=1) == corpus.gold)[unasked].mean()),
        n_audit=len(audit),
        n_chosen=len(chosen),
        n_asked=len(np.union1d(audit, chosen)),
        accuracy=float(right.mean()),
        strong_alone=float((oracle == corpus.gold).mean()),
        overruled=_count_overruled(decisions, oracle, corpus.gold, np.union1d(audit, chosen)),
        chosen_accuracy=float(right[chosen].mean()),
        unasked_error=float((unaided != corpus.gold)[unasked].mean()),
        estimate=audit_error(
            unaided[audited] != oracle[audited], label_error=ORACLE_ERROR, n_classes=len(corpus.names)
        ),
        by_source=by_source,
    )


def spread(values: Sequence[float], form: str = ".1%") -> str:
    """Mean and range."""
    return f"{np.mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _count_overruled(
    decisions: Decisions, oracle: NDArray[np.intp], gold: NDArray[np.intp], asked: NDArray[np.intp]
) -> tuple[int, int]:
    """How often the strong model's answer was overruled, and how often rightly: it was wrong and the decision is right."""
    other = asked[decisions.codes[asked] != oracle[asked]]
    return len(other), int((decisions.codes[other] == gold[other]).sum())


def report_share(share: float, outcomes: Sequence[Outcome], *, n: int) -> str:
    """One row of the first table."""
    first = outcomes[0]
    return (
        f"| {share:.0%} | {first.n_asked} ({first.n_audit} audit) | **{spread([o.accuracy for o in outcomes])}** | "
        f"{spread([o.student_right for o in outcomes])} | {spread([o.chosen_accuracy for o in outcomes])} | "
        f"{spread([1 - o.unasked_error for o in outcomes])} | "
        f"{np.mean([o.overruled[0] for o in outcomes]):.0f}, {np.mean([o.overruled[1] for o in outcomes]):.0f} rightly |"
    )


def report_sources(outcomes: Sequence[Outcome]) -> list[str]:
    """How many final labels are whose, and how good they are, means over the seeds."""
    names = [name for name in ("student", "cheap", "strong", "disputed") if any(name in o.by_source for o in outcomes)]
    rows = []
    for name in names:
        counts = np.array([o.by_source.get(name, (0, 0)) for o in outcomes])
        rows.append(f"| {name} | {counts[:, 0].mean():.0f} | {counts[:, 1].sum() / max(counts[:, 0].sum(), 1):.1%} |")
    return rows


def report_audit(share: float, outcomes: Sequence[Outcome]) -> str:
    """What the audit says about the items nobody chose to ask about, against the truth."""
    held = sum(o.estimate.low <= o.unasked_error <= o.estimate.high for o in outcomes)
    return (
        f"| {share:.0%} | {np.mean([o.estimate.n for o in outcomes]):.0f} | {spread([o.unasked_error for o in outcomes])} | "
        f"{spread([o.estimate.rate for o in outcomes])} | {np.mean([o.estimate.high for o in outcomes]):.1%} | "
        f"{held} of {len(outcomes)} |"
    )


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/cascade_bbc.md"))
    options = parser.parse_args()
    corpus = load_corpus(options.data, vectors=options.vectors)
    n = len(corpus.gold)
    results = {share: [run_cascade(corpus, share=share, seed=seed) for seed in SEEDS] for share in SHARES}
    tenth = results[0.10]
    lines = [
        "# The labeling cascade on BBC news\n",
        "Made by `python -m benchmarks.cascade_bbc --data ../shared/data`; topic descriptions from "
        "`examples/catalogs/bbc.toml`.",
        f"{n} articles, {len(SEEDS)} seeds (0 to {SEEDS[-1]}): each draws the strong model's errors, the audit and the choices.",
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        + ", ".join(f"{package} {version(package)}" for package in PACKAGES)
        + ".\n",
        f"The strong model is simulated: gold with {ORACLE_ERROR:.1%} of even errors. Asked about every article it is "
        f"{spread([o.strong_alone for o in tenth])} right, for 100 % of the tokens. The free labeler (prototypes without gold) "
        f"alone is {(corpus.free.argmax(axis=1) == corpus.gold).mean():.1%} right, for none.\n",
        "Mean (range) over the seeds. The share counts every question to the strong model, the audit's included; a fifth of "
        f"them is the audit. The rest is chosen over {NIGHTS} nights.\n",
        "| share of tokens | questions | final labels right | student alone | chosen items | all other items | strong overruled |",
        "|---|---|---|---|---|---|---|",
        *[report_share(share, outcomes, n=n) for share, outcomes in results.items()],
        "\n## Whose labels they are, at 10 %\n",
        "| source | articles | right |\n|---|---|---|",
        *report_sources(tenth),
        "\n## What the audit sees\n",
        "The error among the items that nobody chose to ask about, without their own audit answer; estimated from the audited "
        "ones among them, corrected for the strong model's own errors; 95 % intervals.\n",
        "| share of tokens | audited | true error | estimated | upper limit, mean | interval holds the truth |",
        "|---|---|---|---|---|---|",
        *[report_audit(share, outcomes) for share, outcomes in results.items()],
        *NOTES,
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
