"""Does the check of enrichments find what a text does not say, and does it leave alone what it says?

    python -m benchmarks.grounding --data ../shared/data [--output benchmarks/results/grounding.md]

Three measurements: sentences written by hand about one text (grounding_cases); BBC's 2,225 articles with the extractive
summaries that come with them, whose every sentence stands in the article, so that each alarm is a false one; and these
summaries with 200 wrong names and 200 wrong numbers planted, one a summary, drawn with a seed. A planted name is taken from
another article and has a word that the summary's own article has not. About half a minute on two cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.grounding_cases import AUTHOR, FAITHFUL, TEXT, TITLE, UNFAITHFUL
from tasks.contracts.catalog_file import load_catalog
from tasks.labelers.grounding import Claim, find_ungrounded, fold
from tasks.labelers.names import extract_names
from tasks.labelers.quantities import known_values, read_quantities
from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import split_words
from tasks.readers import read_batches

CATALOG = Path(__file__).parent.parent / "examples/catalogs/bbc.toml"
N_PLANTED = 200
SEED = 11


@dataclass(frozen=True)
class Article:
    """An article and the summary that comes with it."""

    title: str
    text: str
    summary: str

    def check(self, summary: str) -> tuple[int, list[str]]:
        """How many sentences a summary has, and those that the article does not carry."""
        claims = [Claim("summary", sentence) for sentence in split_sentences(summary)]
        return len(claims), find_ungrounded(claims, (self.title, self.text))


def read_articles(data: Path) -> list[Article]:
    """All articles with their summaries."""
    source = load_catalog(CATALOG, {"data": str(data.resolve())}).items[0]
    summaries = source.model_copy(update={"member": "BBC News Summary/Summaries", "required": ()})
    told = {row["item_id"]: f"{row['title']} {row['text'] or ''}" for row in _rows(summaries)}
    return [Article(row["title"], row["text"], told[row["item_id"]]) for row in _rows(source) if row["item_id"] in told]


def _rows(source: object) -> list[dict[str, str]]:
    return pl.concat([batch.records for batch in read_batches(source, "items")]).to_dicts()  # type: ignore[arg-type]


def plant_names(articles: Sequence[Article], rng: random.Random) -> list[tuple[Article, str, str]]:
    """Articles, their summaries with a name of another article in place of one, and that name."""
    names = [name.text for article in rng.sample(articles, 300) for name in extract_names(article.text)]
    planted = []
    for article in rng.sample(articles, len(articles)):
        own = [name.text for name in extract_names(article.summary) if article.summary.count(name.text)]
        wrong = rng.choice(names)
        known = {fold(word) for word in split_words(f"{article.title} {article.text}")}
        if own and any(fold(word) not in known for word in split_words(wrong)):
            planted.append((article, article.summary.replace(rng.choice(own), wrong, 1), wrong))
        if len(planted) == N_PLANTED:
            break
    return planted


def plant_numbers(articles: Sequence[Article], rng: random.Random) -> list[tuple[Article, str, str]]:
    """The same with a number that the article does not hold."""
    planted = []
    for article in rng.sample(articles, len(articles)):
        own = [quantity.text for quantity in read_quantities(article.summary) if quantity.text[0].isdigit()]
        if not own:
            continue
        chosen = rng.choice(own)
        digits = "".join(rng.choice("123456789") if char.isdigit() else char for char in chosen)
        [wrong] = read_quantities(digits)[:1] or [None]
        if wrong and not wrong.values & known_values(f"{article.title} {article.text}"):
            planted.append((article, article.summary.replace(chosen, digits, 1), wrong.text))
        if len(planted) == N_PLANTED:
            break
    return planted


def report_planted(kind: str, planted: Sequence[tuple[Article, str, str]]) -> str:
    """A row of the table: how many are found, and what else is called ungrounded in the same summaries."""
    n_found, n_others, n_claims = 0, 0, 0
    for article, summary, wrong in planted:
        n, told = article.check(summary)
        last = wrong.split()[-1]
        hits = [one for one in told if wrong in one or last in one]
        n_found, n_others, n_claims = n_found + bool(hits), n_others + len(told) - len(hits), n_claims + n
    share = f"{n_found / len(planted):.1%}"
    return f"| {kind} | {len(planted)} | {n_found} ({share}) | {n_others} of {n_claims - len(planted)} |"


def report_cases() -> list[str]:
    """The sentences that are judged wrongly."""
    sources = (TITLE, TEXT, AUTHOR)
    alarms = [text for text in FAITHFUL if find_ungrounded([Claim("summary", text)], sources)]
    missed = [text for text, _ in UNFAITHFUL if not find_ungrounded([Claim("summary", text)], sources)]
    return [
        "## By hand\n",
        f"- In other words, but carried: {len(FAITHFUL)}; false alarms: **{len(alarms)}**",
        f"- With one thing that the text does not say: {len(UNFAITHFUL)}; found: **{len(UNFAITHFUL) - len(missed)}**",
        *[f"- Wrong: {text}" for text in (*alarms, *missed)],
    ]


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/grounding.md"))
    options = parser.parse_args()
    articles = read_articles(options.data)
    started = time.perf_counter()
    checked = [article.check(article.summary) for article in articles]
    seconds = time.perf_counter() - started
    n_claims, n_told = sum(n for n, _ in checked), sum(len(told) for _, told in checked)
    rng = random.Random(SEED)
    examples = [one for _, told in checked for one in told]
    lines = [
        "# Grounding of enrichments\n",
        "Made by `python -m benchmarks.grounding --data ../shared/data`.",
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, seed {SEED}.\n",
        *report_cases(),
        "\n## BBC's extractive summaries\n",
        f"- {len(articles)} articles, {n_claims} sentences of their summaries; called ungrounded: **{n_told}** "
        f"({n_told / n_claims:.2%}), each a false alarm or a place where the summary glues two sentences",
        f"- {seconds / len(articles) * 1000:.1f} ms an article",
        *[f"- {one}" for one in examples[:5]],
        "\n## One wrong thing planted in each summary\n",
        "| planted | summaries | found | other sentences called ungrounded |",
        "|---|---|---|---|",
        report_planted("a name of another article", plant_names(articles, rng)),
        report_planted("a number that the article has not", plant_numbers(articles, rng)),
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
