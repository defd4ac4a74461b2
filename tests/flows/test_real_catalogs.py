"""Real data through all stages: a fifth of the BBC articles with the real model, all of MovieLens 100k. Skipped without the data."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.catalog import Catalog
from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.runs import start_run
from tasks.simulate_users import simulate_users
from tests.fake_embedder import HashingEmbedder
from tests.night import KEYLESS, STAGES, Nights, plug_embedder, run_step

CATALOGS = Path(__file__).parents[2] / "examples" / "catalogs"
ARTICLES = "BBC News Summary/News Articles/"


@dataclass(frozen=True)
class Finished:
    """A run of one real catalog."""

    nights: Nights
    reports: dict[str, StepReport]


def run_catalog(
    folder: Path, catalog: Catalog, *, day: date, n_simulated: int = 0, stages: Sequence[str] = STAGES
) -> Finished:
    context = StepContext(
        run_id="r001", catalog=catalog, folder=folder, as_of=day, endpoints={"default": KEYLESS}, catalog_file="none"
    )
    start_run(folder, "r001", as_of=day, catalogs=[catalog.name], code_version="test")
    if n_simulated:
        simulate_users.fn(context, n_users=n_simulated, seed=1)
    return Finished(Nights(folder, [], n_runs=1), {stage: run_step(stage, context) for stage in stages})


def changed(catalog: Catalog, **sections: dict[str, Any]) -> Catalog:
    """The catalog with some values of some sections changed."""
    return catalog.model_copy(
        update={name: getattr(catalog, name).model_copy(update=values) for name, values in sections.items()}
    )


def write_part_of_bbc(source: Path, target: Path) -> int:
    """Some forty articles of each section, all copies of copied ones among them; how many copies beyond the first."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as part:
        by_content: dict[str, list[str]] = defaultdict(list)
        for name in sorted(archive.namelist()):
            if name.startswith(ARTICLES) and name.endswith(".txt"):
                by_content[hashlib.sha256(archive.read(name)).hexdigest()].append(name)
        groups = sorted(by_content.values(), key=lambda names: (-len(names), names))
        taken: Counter[str] = Counter()
        n_copies = 0
        for names in groups:
            section = names[0].removeprefix(ARTICLES).split("/")[0]
            if taken[section] + len(names) <= 40:
                taken[section] += len(names)
                n_copies += len(names) - 1
                for name in names:
                    part.writestr(name, archive.read(name))
    return n_copies


@pytest.fixture(scope="module")
def bbc(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Finished:
    """Without enriching, which takes as long as all the rest."""
    folder = tmp_path_factory.mktemp("bbc")
    n_copies = write_part_of_bbc(shared_data / "bbc-news-summary.zip", folder / "bbc-news-summary.zip")
    assert n_copies > 40
    catalog = load_catalog(CATALOGS / "bbc.toml", {"data": str(folder)})
    catalog = changed(catalog, judge={"pairs_per_user": 30, "evaluation_pairs_per_user": 60})
    stages = [stage for stage in STAGES if stage != "enrich"]
    return run_catalog(folder / "warehouse", catalog, day=date(2026, 11, 1), n_simulated=40, stages=stages)


@pytest.fixture(scope="module")
def movielens(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Finished:
    """With a model that learns in fewer and larger steps; the films' titles say little, so that no model embeds them."""
    catalog = load_catalog(CATALOGS / "movielens-100k.toml", {"data": str(shared_data)})
    quick = {"max_rounds": 200, "early_stopping_rounds": 60, "learning_rate": 0.06}
    with pytest.MonkeyPatch.context() as patched:
        plug_embedder(patched, HashingEmbedder())
        return run_catalog(tmp_path_factory.mktemp("movielens"), changed(catalog, ranking=quick), day=date(1998, 5, 1))


def test_bbc_articles_get_the_topic_of_their_folder(bbc: Finished) -> None:
    found = bbc.nights.rows(
        "select labels.primary_topic = items.category from items join current_topic_labels as labels using (catalog, item_id)"
    )
    assert len(found) == 200
    assert sum(is_right for (is_right,) in found) / len(found) > 0.85


def test_bbc_copies_are_all_grouped(bbc: Finished) -> None:
    alone = bbc.nights.rows("""
        select items.item_id from items
        left join item_groups as grouped using (catalog, item_id)
        where grouped.group_id is null
        qualify count(*) over (partition by items.content_hash) > 1
    """)
    n_identical = bbc.nights.value(
        "select count(*) from (from items qualify count(*) over (partition by content_hash) > 1)"
    )
    assert alone == []
    assert n_identical > 80
    assert bbc.nights.value(
        "select max(n) from (select count(distinct group_id) as n from items join item_groups using (catalog, item_id)"
        " group by content_hash)"
    ) == 1  # fmt: skip


def test_bbc_user_is_never_recommended_two_of_a_group(bbc: Finished) -> None:
    groups = dict(bbc.nights.rows("select item_id, group_id from item_groups"))
    lists = bbc.nights.published("recommendations")
    assert lists["user_id"].n_unique() == 40
    for _, rows in lists.group_by("user_id"):
        grouped = [groups[item] for item in rows["item_id"] if item in groups]
        assert len(grouped) == len(set(grouped))


def test_movielens_rows_are_all_accounted_for(movielens: Finished) -> None:
    counts = movielens.nights.rows("select kind, n_in, n_stored, n_quarantined from ingest_counts order by kind")
    # Film 267 is called 'unknown', and nine people rated it.
    assert counts == [
        ("interactions", 100_000, 99_991, 9),
        ("items", 1682, 1681, 1),
        ("users", 943, 943, 0),
    ]


def test_movielens_lambdamart_is_ahead_of_every_single_source(movielens: Finished) -> None:
    rows = movielens.nights.rows(
        "select ranker, lift_low from metrics where slice = 'all' and metric = 'ndcg' and k = 10 and ranker not in ('lambdamart', 'fusion')"
    )
    assert {ranker for ranker, _ in rows} >= {"random", "popularity", "collaborative", "dense_history"}
    assert all(lift_low > 0 for _, lift_low in rows), rows
    assert movielens.nights.value("select max(n_users) from metrics") > 150


def test_movielens_lists_are_published_for_everyone(movielens: Finished) -> None:
    lists = movielens.nights.published("recommendations")
    assert lists.group_by("user_id").len()["len"].to_list() == [10] * 943
    rated = pl.DataFrame(
        movielens.nights.rows("select user_id, item_id from interactions"),
        schema={"user_id": pl.String, "item_id": pl.String},
        orient="row",
    )
    assert lists.join(rated, on=["user_id", "item_id"], how="semi").is_empty()
