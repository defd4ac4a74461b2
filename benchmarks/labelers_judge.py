"""Does the embedded judge grade as people do, on a gold set far from its home?

    python -m benchmarks.labelers_judge --data ../shared/data [--output benchmarks/results/labelers_judge.md]

LLMJudge challenge (TREC DL 2023): 1,715 queries with passages, graded 0-3 by people and by 33 language models. The query is
the only interest of a user, the passage is the item. (For readers with profiles and histories see `sample_gold`.)
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from benchmarks.labelers_bbc import PACKAGES, calibration_error
from tasks.embedding.sentence import load_embedder
from tasks.labelers.embedded import EmbeddedLabeler
from tasks.labelers.protocol import ItemText, JudgeAnswer, JudgeQuestion, UserText

GRADES = [0, 1, 2, 3]


def read_challenge(path: Path) -> list[dict[str, str]]:
    """The challenge's rows: query, passage, human grade, and a grade a language model."""
    csv.field_size_limit(sys.maxsize)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measure_models(rows: Sequence[Mapping[str, str]]) -> tuple[float, float]:
    """(exact agreement, quadratic kappa) with people, the medians over the language models."""
    figures = []
    for model in set(rows[0]) - {"qid", "query", "pid", "passage", "human"}:
        graded = [(int(row["human"]), int(row[model])) for row in rows if row[model] in set("0123")]
        people, grades = zip(*graded, strict=True)
        figures.append((float(np.mean(np.equal(people, grades))), measure_kappa(people, grades)))
    return float(np.median([exact for exact, _ in figures])), float(np.median([kappa for _, kappa in figures]))


def measure_kappa(gold: Sequence[int], given: Sequence[int]) -> float:
    """Cohen's kappa with quadratic weights."""
    return float(cohen_kappa_score(gold, given, weights="quadratic", labels=GRADES))


def ask_challenge(rows: Sequence[Mapping[str, str]], labeler: EmbeddedLabeler) -> tuple[list[int], list[JudgeAnswer]]:
    """(human grades, answers)."""
    users = {row["qid"]: UserText(row["qid"], "", interests=(row["query"],)) for row in rows}
    asked = [JudgeQuestion(users[row["qid"]], ItemText(row["pid"], "", row["passage"])) for row in rows]
    answers = {reply.key: reply.answer for reply in labeler.judge(asked)}
    pairs = [(int(row["human"]), answers[question.key]) for row, question in zip(rows, asked, strict=True)]
    return [grade for grade, _ in pairs], [answer for _, answer in pairs if answer is not None]


def report(gold: Sequence[int], answers: Sequence[JudgeAnswer]) -> list[str]:
    """Agreement with people as Markdown."""
    given = [answer.relevance for answer in answers]
    right = [grade == own for grade, own in zip(gold, given, strict=True)]
    counts = Counter(zip(gold, given, strict=True))
    return [
        f"- Quadratic kappa: **{measure_kappa(gold, given):.3f}**; Spearman: {spearmanr(gold, given).statistic:.3f}",
        f"- Exact agreement: {np.mean(right):.1%}; within one grade: "
        f"{np.mean([abs(grade - own) <= 1 for grade, own in zip(gold, given, strict=True)]):.1%}",
        f"- Mean confidence: {np.mean([answer.confidence for answer in answers]):.1%}; expected calibration error: "
        f"{calibration_error([answer.confidence for answer in answers], right):.3f}\n",
        "| gold \\ judged | 0 | 1 | 2 | 3 |\n|---|---|---|---|---|",
        *[f"| {grade} | " + " | ".join(str(counts[grade, own]) for own in GRADES) + " |" for grade in GRADES],
        "",
    ]


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/labelers_judge.md"))
    options = parser.parse_args()
    embedder = load_embedder()
    rows = read_challenge(options.data / "llm-judge-vs-human.csv.gz")
    exact, kappa = measure_models(rows)
    gold, answers = ask_challenge(rows, EmbeddedLabeler(embedder))
    lines = [
        "# The embedded judge on the LLMJudge challenge\n",
        "Made by `python -m benchmarks.labelers_judge`. "
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, "
        + ", ".join(f"{package} {version(package)}" for package in PACKAGES)
        + ".\n",
        "Every passage here was retrieved for its query, and people graded how well it answers. The embedded judge sees "
        "whether an item is on an interest's subject, and not whether it answers a question: it ranks these passages "
        "better than chance, and grades most of them too high. Language models do better at this task.\n",
        *report(gold, answers),
        f"Language models, medians of 33: quadratic kappa {kappa:.3f}, exact agreement {exact:.1%}.",
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
