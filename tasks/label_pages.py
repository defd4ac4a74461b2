"""Builds the page about a catalog's labels from the warehouse, which it only reads.

Counting is done in the warehouse, in temporary tables beside it; what comes out is counts and at most MOST_CASES questions, and
of people's labels at most MOST_GOLD answers a labeler. Time O(labels), memory about MEMORY_MB whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from tasks.contracts.catalog import Catalog
from tasks.reporting import figures
from tasks.reporting.cases import make_cases, make_hard
from tasks.reporting.history import make_cascade, make_history
from tasks.reporting.page import MIN_RELIABILITY, Bar, Bars, Figure, Matrix, Page, Pair, Reliability, TaskView, Voice
from tasks.reporting.render import render_page
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse

TASKS = ("topics", "similar", "judge", "enrich")
MOST_DISAGREEMENTS = 50
MOST_UNSURE = 20
MOST_HARD, MOST_HARD_EACH = 200, 10
MOST_GOLD = 20_000
N_RUNS = 6
N_BINS = 20
MEMORY_MB = 700
"""What counting may hold in memory; beyond it the warehouse's temporary folder is used."""
TOLD = {
    "cascade": "The label that counts is a cascade's; where it is a person's own word, it is not held against that word.",
    "learned": "The label that counts comes from a rule that has learned from people's labels: on them it looks a little better.",
    "calibrated": "The label that counts is the labeler's own, its confidence calibrated on people's labels.",
}
"""What a reader must know of a method that has seen people's labels."""


def write_label_pages(folder: Path, catalogs: Sequence[Catalog], *, output: Path | None = None) -> list[Path]:
    """Write one page a catalog, to `output` or to <folder>/label_report/<catalog>.html; their paths.

    Raises WarehouseError where there is no warehouse yet.
    """
    paths = []
    for catalog in catalogs:
        path = output or folder / "label_report" / f"{catalog.name}.html"
        text = render_page(read_page(folder, catalog, made_at=utc_now()))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def read_page(folder: Path, catalog: Catalog, *, made_at: datetime) -> Page:
    """What the page of a catalog shows."""
    with open_warehouse(folder, read_only=True, memory_limit_mb=MEMORY_MB) as warehouse:
        tasks = tuple(
            read_task(warehouse, catalog.name, task) for task in TASKS if task != "topics" or catalog.taxonomy
        )
    return Page(catalog.name, catalog.title or catalog.name, f"{made_at:%Y-%m-%d %H:%M} UTC", tasks)


def read_task(warehouse: Warehouse, catalog: str, task: str) -> TaskView:
    """What is known about the labels of one task of a catalog."""
    scope = {"catalog": catalog, "task": task}
    warehouse.run("queries/label_report_members", **scope)
    warehouse.run("queries/label_report_gather", **scope)
    voices = [
        Voice(name=row.pop("voice"), **row)
        for row in warehouse.query("queries/label_report_voices", **scope).to_dicts()
    ]
    if not any(voice.n_labels for voice in voices):
        return TaskView(task, voices=tuple(voices) if any(voice.n_dead for voice in voices) else ())
    fixed = figures.FIXED.get(task, ())
    gold = _count(warehouse.query("queries/label_report_gold"), "voice", "truth", "answer")
    pairs = _read_pairs(warehouse)
    disagreements = warehouse.query(
        "queries/label_report_disagreements", is_ordinal=task == "judge", most=MOST_DISAGREEMENTS
    )
    unsure = warehouse.query("queries/label_report_unsure", most=MOST_UNSURE)["question_key"].to_list()
    hard = _read_hard(warehouse) if task == "topics" else []
    keys = [*disagreements["question_key"], *unsure, *(key for _, rows in hard for key, _ in rows)]
    cases = make_cases(warehouse.query("queries/label_report_cases", keys=keys, **scope))
    n_gold = max(voice.n_gold for voice in voices)
    metrics = warehouse.query("queries/label_report_metrics", n_runs=N_RUNS, **scope)
    facts = warehouse.value("queries/label_report_facts", **scope)
    return TaskView(
        task=task,
        voices=tuple(_measure(warehouse, voice, gold.get(voice.name, {}), task) for voice in voices),
        n_gold=n_gold,
        notes=_note(warehouse, scope, voices),
        answers=_read_answers(warehouse, is_fixed=bool(fixed)) if task != "enrich" else (),
        confidences=_read_confidences(warehouse),
        gold=tuple(
            figures.make_matrix(counts, row_title="people", column_title=voice, classes=fixed)
            for voice, counts in gold.items()
        ),
        reliabilities=_read_reliabilities(warehouse, voices) if task != "enrich" and n_gold >= MIN_RELIABILITY else (),
        alpha=_read_alpha(warehouse, task) if pairs else None,
        pairs=tuple(_to_pair(names, counts, task) for names, counts in pairs.items()),
        confusion=_confusion_of_two(voices, pairs, fixed),
        disagreements=tuple(cases[key] for key in disagreements["question_key"]),
        n_disagreements=disagreements["n_all"][0] if disagreements.height else 0,
        unsure=tuple(cases[key] for key in unsure) if task != "topics" else (),
        hard=make_hard(hard, cases),
        cascade=make_cascade(metrics, facts),
        history=make_history(metrics),
    )


def _measure(warehouse: Warehouse, voice: Voice, counts: figures.Counts, task: str) -> Voice:
    """The voice with its figures on people's labels."""
    if not counts:
        return voice
    found = [figures.accuracy(counts, "said to be right" if task == "enrich" else "accuracy")]
    if task == "similar":
        found.extend(figures.precision_and_recall(counts))
    if task == "judge":
        rows = warehouse.query("queries/label_report_gold_rows", voice=voice.name, most=MOST_GOLD)
        found.append(figures.quadratic_kappa(rows.select("asker", "truth", "answer").iter_rows()))
    return Voice(**{**voice.__dict__, "figures": tuple(found)})


def _read_pairs(warehouse: Warehouse) -> dict[tuple[str, str], figures.Counts]:
    frame = warehouse.query("queries/label_report_pairs")
    found: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for first, second, one, other, n in frame.iter_rows():
        found.setdefault((first, second), {})[one, other] = n
    return dict(found)


def _to_pair(names: tuple[str, str], counts: figures.Counts, task: str) -> Pair:
    return figures.compare_pair(*names, counts, is_ordinal=task == "judge")


def _confusion_of_two(
    voices: Sequence[Voice], pairs: Mapping[tuple[str, str], figures.Counts], classes: Sequence[str]
) -> Matrix | None:
    """How the two labelers with most labels differ."""
    used = sorted((voice for voice in voices if voice.role != "counts"), key=lambda voice: -voice.n_labels)[:2]
    names = {voice.name for voice in used}
    for (first, second), counts in pairs.items():
        if {first, second} == names:
            return figures.make_matrix(counts, row_title=first, column_title=second, classes=classes)
    return None


def _read_alpha(warehouse: Warehouse, task: str) -> Figure:
    rows = warehouse.query("queries/label_report_compositions").iter_rows()
    return figures.alpha([(answers, n) for answers, n in rows], is_ordinal=task == "judge")


def _read_answers(warehouse: Warehouse, *, is_fixed: bool) -> tuple[Bars, ...]:
    frame = warehouse.query("queries/label_report_answers")
    return tuple(
        _to_bars(str(voice), rows.select("answer", "n"), is_fixed=is_fixed)
        for (voice,), rows in frame.group_by("voice", maintain_order=True)
    )


def _to_bars(voice: str, rows: pl.DataFrame, *, is_fixed: bool) -> Bars:
    whole = int(rows["n"].sum())
    shown = (rows.sort("answer") if is_fixed else rows.sort("n", "answer", descending=[True, False])).head(
        figures.MAX_NAMES
    )
    bars = [Bar(name, n, n / whole) for name, n in shown.iter_rows()]
    rest = whole - int(shown["n"].sum())
    return Bars(voice, (*bars, Bar(figures.OTHER, rest, rest / whole)) if rest else tuple(bars))


def _read_confidences(warehouse: Warehouse) -> tuple[Bars, ...]:
    frame = warehouse.query("queries/label_report_confidences")
    found = []
    for (voice,), rows in frame.group_by("voice", maintain_order=True):
        counts = dict(rows.select("bin", "n").iter_rows())
        whole = sum(counts.values())
        names = [f"{place / N_BINS:.2f} to {(place + 1) / N_BINS:.2f}" for place in range(N_BINS)]
        bars = [Bar(name, counts.get(place, 0), counts.get(place, 0) / whole) for place, name in enumerate(names)]
        found.append(Bars(str(voice), tuple(bars)))
    return tuple(found)


def _read_reliabilities(warehouse: Warehouse, voices: Sequence[Voice]) -> tuple[Reliability, ...]:
    found = []
    for voice in voices:
        if voice.n_gold < MIN_RELIABILITY:
            continue
        rows = warehouse.query("queries/label_report_gold_rows", voice=voice.name, most=MOST_GOLD)
        is_right = (rows["answer"] == rows["truth"]).to_numpy()
        stated = rows["confidence"].to_numpy().astype(np.float64)
        found.append(figures.assess_reliability(voice.name, stated, is_right))
    return tuple(found)


def _read_hard(warehouse: Warehouse) -> list[tuple[str, list[tuple[str, bool]]]]:
    """(answer, [(question, whether it is disputed)]), MOST_HARD questions in all."""
    n_answers = max(1, warehouse.query("queries/label_report_answers")["answer"].n_unique())
    frame = warehouse.query("queries/label_report_hard", each=max(2, min(MOST_HARD_EACH, MOST_HARD // n_answers)))
    return [
        (str(answer), list(rows.select("question_key", "is_disputed").iter_rows()))
        for (answer,), rows in frame.head(MOST_HARD).group_by("answer", maintain_order=True)
    ]


def _note(warehouse: Warehouse, scope: Mapping[str, str], voices: Sequence[Voice]) -> tuple[str, ...]:
    """How the label that counts came about, as far as that bears on its figures."""
    if not any(voice.role == "counts" for voice in voices):
        return ()
    known = warehouse.query("queries/label_compare_combined", catalog=scope["catalog"]).filter(task=scope["task"])
    method = known["method"][0]
    return (TOLD.get(method, f"The label that counts is combined from all labelers by {method}."),)


def _count(frame: pl.DataFrame, *keys: str) -> dict[str, dict[tuple[str, str], int]]:
    found: dict[str, dict[tuple[str, str], int]] = {}
    for voice, one, other, n in frame.select(*keys, "n").iter_rows():
        found.setdefault(voice, {})[one, other] = n
    return found
