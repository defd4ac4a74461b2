"""Does the ranker learn what a judge likes, when nobody tells it the judge's rules? BBC news and 200 simulated readers.

    python -m benchmarks.bbc_hidden_preferences --data ../shared/data [--pairs 120] [--warehouse DIR]

A server of ours grades pairs by hidden rules (benchmarks/hidden_judge/rules.py) over the chat protocol; the openai labeler asks it
in the product's own stage `judge`. Then candidates and train run as every night. Held-out readers are measured on the rules
without noise over all articles. Writes benchmarks/results/bbc_hidden_preferences.md and a picture beside it.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.hidden_judge import rules
from benchmarks.hidden_judge.page import ORACLE, PRODUCT, Measured, describe
from benchmarks.hidden_judge.readers import Reader, draw_readers
from benchmarks.hidden_judge.rules import Article, Shelf, build_shelf, expected_grade, grade_of, worth_of
from benchmarks.hidden_judge.server import HiddenJudge
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.hashing import hash_ids
from tasks.evaluation.baselines import draw_random_lists
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import evaluate_lists
from tasks.experiments.figures import mean_of, show
from tasks.experiments.learning_rows import LearningRows, read_learning_rows, scored_list, source_lists
from tasks.experiments.rankers import RANKERS
from tasks.experiments.setting import Setting
from tasks.llm.fake.server import LoopbackServer
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.model import load_ranker, score_rows, train_ranker
from tasks.ranking.profile_features import PROFILE_FEATURES
from tasks.ranking.query_features import QUERY_FEATURES
from tasks.readers import read_batches
from tasks.runs import start_run
from warehouse.connection import open_warehouse
from warehouse.models import latest_model

CATALOG = Path(__file__).parent.parent / "examples/catalogs/bbc.toml"
STAGES = ("ingest", "embed", "topics", "similar", "judge", "rewrite", "candidates", "train")
AS_OF = date(2026, 11, 1)
N_READERS = 200
DEVELOPMENT_SEED, SEED = 5, 6
"""Readers, days and noise of the runs in which things were still decided, and of the run that only confirms."""

SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
TOML = """
name = "hidden"
redact = []
[labelers]
judge = "openai"
topics = "embedded"
similar = "embedded"
[[items]]
format = "jsonl"
path = "articles.jsonl"
required = ["text"]
columns = {{ item_id = "id", title = "title", text = "text", published_at = "at" }}
[[users]]
format = "csv"
path = "readers.csv"
columns = {{ user_id = "id", interests = "interests", summary = "summary" }}
[judge]
pairs_per_user = {pairs}
evaluation_pairs_per_user = 10
sources = ["dense_profile", "bm25"]
near_share = 0.6
[candidates]
per_source = 400
total = 600
sources = {{ dense_profile = 1.0, rewritten_query = 1.0, bm25 = 1.0, new_arrivals = 0.5 }}
[rewrite]
queries = 8
[ranking]
early_stopping_rounds = 150
validation_share = 0.3
[relevance]
truth = ["judge"]
"""


def read_articles(data: Path, *, seed: int) -> list[Article]:
    """All different BBC articles; their days are made up: an order by hash, for the files state none."""
    catalog = load_catalog(CATALOG, {"data": str(data.resolve())})
    records = pl.concat([batch.records for batch in read_batches(catalog.items[0], "items")])
    rows = records.unique(["title", "text"], keep="first", maintain_order=True).sort("item_id")
    days = np.argsort(np.argsort(hash_ids(rows["item_id"], seed)))
    return [
        Article(row["item_id"], row["category"], row["title"], row["text"], int(day))
        for row, day in zip(rows.iter_rows(named=True), days, strict=True)
    ]


def write_catalog(folder: Path, articles: Sequence[Article], readers: Sequence[Reader], *, pairs: int) -> Path:
    """The catalog's files: what the product sees, which is neither folder nor taste."""
    newest = datetime.combine(AS_OF, datetime.min.time())
    rows = [
        {
            "id": one.item_id,
            "title": one.title,
            "text": one.text,
            "at": f"{newest - timedelta(hours=4 * (len(articles) - one.day)):%Y-%m-%dT%H:%M:%SZ}",
        }
        for one in articles
    ]
    (folder / "articles.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    with (folder / "readers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "interests", "summary"])
        writer.writerows([one.user_id, ";".join(one.interests), one.summary] for one in readers)
    taxonomy = CATALOG.read_text(encoding="utf-8").split("[[taxonomy]]", 1)[1].split("# The embedded judge")[0]
    path = folder / "hidden.toml"
    path.write_text(TOML.format(pairs=pairs) + "[[taxonomy]]" + taxonomy, encoding="utf-8")
    return path


def run_stages(context: StepContext) -> None:
    """The product's stages, one after the other."""
    start_run(context.folder, context.run_id, as_of=AS_OF, catalogs=["hidden"], code_version="benchmark")
    for stage in STAGES:
        clock = time.monotonic()
        report = getattr(importlib.import_module(f"tasks.{stage}"), stage).fn(context)
        print(f"{stage}: {time.monotonic() - clock:.1f} s; {'; '.join(report.notes)}", flush=True)


def measure(context: StepContext, readers: Sequence[Reader], shelf: Shelf, *, seed: int) -> Measured:
    """Every system on the held-out readers, by the rules without noise."""
    with open_warehouse(context.folder, read_only=True) as warehouse:
        rows = read_learning_rows(Setting(context, warehouse))
        found = latest_model(warehouse, catalog=context.catalog.name)
    if found is None:
        raise SystemExit("train made no model; see its note above")
    tested = rows.test["user_id"].unique().sort()
    worth = {one.user_id: worth_of(shelf, one.taste) for one in readers if one.user_id in set(tested)}
    ids = pl.Series("item_id", [one.item_id for one in shelf.articles])
    truth = pl.concat(
        pl.DataFrame({"item_id": ids, "grade": grade_of(of)})
        .with_columns(user_id=pl.lit(user))
        .filter(pl.col("grade") > 0)
        for user, of in worth.items()
    )
    scores = score_rows(load_ranker(found[1]), rows.test, n_threads=context.threads)
    nobody = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
    oracle = _oracle(worth, ids)
    within = oracle.join(rows.test.select("user_id", "item_id"), on=["user_id", "item_id"], how="semi")
    systems = {
        "random": draw_random_lists(tested, ids, seen=nobody, k=10, seed=seed),
        **source_lists(rows),
        f"{PRODUCT} without profile features": scored_list(rows, _rank_without_profiles(context, rows)),
        PRODUCT: scored_list(rows, scores),
        "oracle among the candidates": _dense(within),
        ORACLE: oracle,
    }
    return Measured(
        {name: _evaluate(lists, truth) for name, lists in systems.items()},
        _curve(context, rows, truth, seed=seed),
        rows.n_labels,
    )


def _rank_without_profiles(context: StepContext, rows: LearningRows) -> rules.FloatVector:
    """LambdaMART's scores where it may not see what is read out of profiles."""
    hidden = {feature.name for feature in (*PROFILE_FEATURES, *QUERY_FEATURES)}
    names = tuple(name for name in FEATURE_NAMES if name not in hidden)
    ranking = context.catalog.ranking
    model = train_ranker(rows.train, rows.validation, config=ranking, n_threads=context.threads, feature_names=names)
    return score_rows(model, rows.test, n_threads=context.threads)


def _oracle(worth: Mapping[str, rules.FloatVector], ids: pl.Series) -> pl.DataFrame:
    """All articles by the judge's expected grade, the order that no ranker can beat."""
    parts = [
        pl.DataFrame({"item_id": ids, "expected": expected_grade(of)}).with_columns(user_id=pl.lit(user))
        for user, of in worth.items()
    ]
    return _dense(pl.concat(parts).sort("user_id", "expected", "item_id", descending=[False, True, False]))


def _dense(ordered: pl.DataFrame) -> pl.DataFrame:
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return ordered.with_columns(rank=rank).select("user_id", "item_id", "rank")


def _evaluate(lists: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    return evaluate_lists(lists, truth, cutoffs=(10,), relevant_grade=3).per_user


def _curve(
    context: StepContext, rows: LearningRows, truth: pl.DataFrame, *, seed: int
) -> dict[int, dict[str, Interval | None]]:
    curve: dict[int, dict[str, Interval | None]] = {}
    for share in SHARES:
        part = rows.keep_share(share, seed=seed)
        found = {}
        for name in ("linear", PRODUCT):
            scores = RANKERS[name](part, context.catalog.ranking, context.threads)
            values = _evaluate(scored_list(rows, scores), truth)["ndcg@10"].to_numpy()
            found[name] = mean_of(values, seed=seed)
        curve[part.n_labels] = found
        print(part.n_labels, {name: show(figure) for name, figure in found.items()}, flush=True)
    return curve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the judge, run the night, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with bbc-news-summary.zip")
    parser.add_argument("--pairs", type=int, default=120, help="judged pairs of each reader that is learnt from")
    parser.add_argument(
        "--seed", type=int, default=SEED, help=f"{DEVELOPMENT_SEED} gives the readers of the earlier runs"
    )
    parser.add_argument("--warehouse", type=Path, help="keep the warehouse here; default: a temporary folder")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/bbc_hidden_preferences.md"))
    given = parser.parse_args(arguments)
    articles, readers = read_articles(given.data, seed=given.seed), draw_readers(N_READERS, seed=given.seed)
    shelf = build_shelf(articles)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.warehouse or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        catalog = load_catalog(write_catalog(folder, articles, readers, pairs=given.pairs))
        judge = HiddenJudge(readers, shelf, seed=given.seed)
        with LoopbackServer(judge) as server:
            endpoint = EndpointSettings(
                "default",
                "hidden-rules",
                base_url=server.url,
                api_key_env="",
                questions_per_request=20,
                max_in_flight=8,
            )
            context = StepContext(
                f"night-{int(time.time())}",
                catalog,
                folder,
                AS_OF,
                endpoints={"default": endpoint},
                threads=os.cpu_count() or 1,
            )
            run_stages(context)
        measured = measure(context, readers, shelf, seed=given.seed)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    picture = given.output.with_suffix(".png")
    text = describe(
        measured, seed=given.seed, readers=len(readers), articles=len(articles), pairs=given.pairs, picture=picture
    )
    given.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
