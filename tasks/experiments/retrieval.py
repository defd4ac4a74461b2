"""Experiment `retrieval`: BM25, dense search and their fusions, with titles as queries.

Two tasks: items of the same topic as the title's (the item itself left out), and the title's own text among texts
without titles. Weights of a fusion are chosen on one half of the queries and measured on the other, both ways round.
Time O(queries x items x d), memory O(block x items) and a row of hits for each query and system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.gains import discount_of, ideal_dcg
from tasks.experiments.figures import figure_table, mean_of, show
from tasks.experiments.findings import Bars, Findings, Table
from tasks.experiments.fusions import SINGLE, Chosen, System, choose_weights, fuse, named_values
from tasks.experiments.known_item import OwnText, find_own_text
from tasks.experiments.retrieval_words import READING, describe_protocol
from tasks.experiments.setting import (
    Setting,
    half_of,
    index_texts,
    read_items,
    read_topics,
    sample_by_hash,
    topic_matrix,
)
from tasks.experiments.title_queries import (
    TitleQueries,
    score_blocks,
    search_sources,
    seconds_a_query,
    top_positions,
)
from tasks.retrieval.item_index import ItemIndex

DEPTH = 20
CUTOFFS = (10, 20)
MAX_QUERIES = 5000
ALL = "all topics"
FloatVector = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """values: metric to system to one value a query. topics: name to the rows of its queries; ALL holds every one."""

    values: Mapping[str, Mapping[str, FloatVector]]
    topics: Mapping[str, NDArray[np.int64]]
    chosen: list[Chosen]
    seed: int

    def means(self, metric: str, system: str) -> list[Interval | None]:
        """The system's mean in each topic."""
        return [mean_of(self.values[metric][system][rows], seed=self.seed) for rows in self.topics.values()]

    def leads(self, metric: str, system: str) -> list[Interval | None]:
        """The system less the better of the two searches, in each topic."""
        of = self.values[metric]
        better = [max(SINGLE, key=lambda name: of[name][rows].mean()) for rows in self.topics.values()]
        return [
            mean_of(of[system][rows] - of[name][rows], seed=self.seed)
            for rows, name in zip(self.topics.values(), better, strict=True)
        ]


def run(setting: Setting) -> Findings:
    """Compare the searches on one catalog. Raises MissingInputError without vectors or topics."""
    items, vectors = read_items(setting)
    topics = read_topics(setting)
    queries = _title_queries(setting, items, topics.rows)
    index = index_texts(items, vectors, texts=pl.concat_str("title", "text", separator="\n", ignore_nulls=True))
    measured = _measure(setting, index, queries, topics.rows)
    own = find_own_text(setting, items, queries)
    seconds = {
        name: seconds_a_query(index, queries, source, depth=DEPTH + 1) for name, source in search_sources(index).items()
    }
    return Findings(
        question="Do words, vectors or both together find items of the same topic, and the text that belongs to a title?",
        protocol=describe_protocol(
            n_items=len(items),
            n_queries=len(queries),
            n_texts=own.n_texts,
            origin=topics.origin,
            max_queries=MAX_QUERIES,
        ),
        tables=(
            *_topic_tables(measured),
            _own_table(own),
            _weight_table(measured.chosen, own.chosen),
            _time_table(seconds),
        ),
        plots=(_plot(measured),),
        reading=READING,
        verdicts=_verdicts(measured),
        seed=setting.seed,
        packages=("numpy", "polars", "bm25s", "faiss-cpu", "sentence-transformers"),
    )


def _title_queries(setting: Setting, items: pl.DataFrame, topics: pl.DataFrame) -> TitleQueries:
    """The titles of items with a topic that another item shares; at most MAX_QUERIES, by hash."""
    known = topics.join(items.select("item_id"), on="item_id", how="semi")
    shared = known.filter((pl.len() > 1).over("label"))["item_id"].unique()
    usable = items.filter(pl.col("item_id").is_in(shared.implode()) & (pl.col("title").fill_null("") != ""))
    ids = sample_by_hash(usable["item_id"], n=MAX_QUERIES, seed=setting.seed)
    chosen = usable.filter(pl.col("item_id").is_in(ids.implode()))
    titles = chosen["title"].to_list()
    return TitleQueries(chosen["item_id"], titles, setting.embedder.encode(titles))


def _measure(setting: Setting, index: ItemIndex, queries: TitleQueries, topics: pl.DataFrame) -> Measured:
    names, member = topic_matrix(index.item_ids, topics)
    places = index.locate(queries.item_ids)
    hits: dict[System, list[NDArray[np.bool_]]] = {}
    n_relevant = []
    for rows, scores in score_blocks(index, queries, search_sources(index)):
        itself = np.arange(len(index)) == places[rows][:, None]
        is_relevant = (member[places[rows]] @ member.T) & ~itself
        n_relevant.append(is_relevant.sum(axis=1))
        for system, fused in fuse(scores, itself):
            top = top_positions(fused, DEPTH)
            hits.setdefault(system, []).append(np.take_along_axis(is_relevant, top, axis=1))
    half = half_of(queries.item_ids, seed=setting.seed)
    found = {system: np.concatenate(parts) for system, parts in hits.items()}
    chosen = choose_weights({system: _precision(of, CUTOFFS[0]) for system, of in found.items()}, half)
    named = named_values(found, chosen, half)
    total = np.concatenate(n_relevant)
    values = {f"precision@{k}": {name: _precision(of, k) for name, of in named.items()} for k in CUTOFFS}
    values |= {f"NDCG@{k}": {name: _ndcg(of, total, k) for name, of in named.items()} for k in CUTOFFS}
    parts = {name: np.flatnonzero(member[places, code]) for code, name in enumerate(names)}
    shown = {name: rows for name, rows in parts.items() if len(rows)}
    return Measured(values, {**shown, ALL: np.arange(len(queries))}, chosen, setting.seed)


def _precision(found: NDArray[np.bool_], k: int) -> FloatVector:
    precision: FloatVector = found[:, :k].sum(axis=1) / k
    return precision


def _ndcg(found: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> FloatVector:
    top = found[:, :k]
    gained: FloatVector = top @ discount_of(np.arange(1, top.shape[1] + 1))
    return gained / ideal_dcg(n_relevant[:, None].astype(np.float64), k, grades=(1,))


def _topic_tables(measured: Measured) -> list[Table]:
    """One table a metric, and the fusions' leads in the first of them."""
    columns = [f"{name} ({len(rows)})" for name, rows in measured.topics.items()]
    tables = [
        figure_table(
            f"{metric}, mean over the titles of each topic",
            {name: measured.means(metric, name) for name in of},
            first="search",
            columns=columns,
        )
        for metric, of in measured.values.items()
    ]
    first = next(iter(measured.values))
    fusions = [name for name in measured.values[first] if name not in SINGLE]
    lead = figure_table(
        f"{first}: fusion less the better of BM25 and dense in the topic, paired by title",
        {name: measured.leads(first, name) for name in fusions},
        first="fusion",
        columns=columns,
        is_signed=True,
    )
    return [tables[0], lead, *tables[1:]]


def _own_table(own: OwnText) -> Table:
    return figure_table(
        f"Its own text among {own.n_texts} texts without titles",
        {name: list(figures) for name, figures in own.figures.items()},
        first="search",
        columns=["MRR", "own text first"],
    )


def _weight_table(by_topic: Sequence[Chosen], by_text: Sequence[Chosen]) -> Table:
    rows = [
        (one.method, task, *(f"{weight:g}" for weight in one.weights))
        for task, chosen in (("same topic", by_topic), ("own text", by_text))
        for one in chosen
    ]
    columns = ("fusion", "task", "for half 0, chosen on half 1", "for half 1, chosen on half 0")
    return Table("What BM25 weighs where dense weighs 1", columns, tuple(rows))


def _time_table(seconds: Mapping[str, float]) -> Table:
    both = {**seconds, "both, fused": sum(seconds.values())}
    rows = tuple((name, f"{1000 * spent:.2f}") for name, spent in both.items())
    return Table(
        f"Time to find {DEPTH} items",
        ("search", "milliseconds a query"),
        rows,
        note="One thread, 200 titles at a time, their embedding not counted; fusing itself takes next to nothing.",
    )


def _plot(measured: Measured) -> Bars:
    metric = next(iter(measured.values))
    shown = [name for name in measured.values[metric] if "equal" not in name]
    return Bars(
        name="topics",
        title=f"{metric} by topic",
        y=metric,
        groups=tuple(measured.topics),
        series={name: measured.means(metric, name) for name in shown},
    )


def _verdicts(measured: Measured) -> tuple[str, ...]:
    """For the tuned fusions: in how many topics they lead, and where they don't."""
    metric = next(iter(measured.values))
    topics = [name for name in measured.topics if name != ALL]
    lines = []
    for one in measured.chosen:
        leads = dict(zip(measured.topics, measured.leads(metric, one.name), strict=True))
        ahead = [name for name in topics if (lead := leads[name]) is not None and lead.mean > 0]
        sure = [name for name in ahead if (lead := leads[name]) is not None and lead.low > 0]
        behind = [name for name in topics if name not in ahead]
        tail = f"; not in {', '.join(behind)}" if behind else ""
        lines.append(
            f"{one.name}: {metric} above the better of the two in {len(ahead)} of {len(topics)} topics"
            f" ({len(sure)} with the interval above zero){tail}; over all titles {show(leads[ALL], is_signed=True)}"
        )
    return tuple(lines)
