"""The sample through the real command and the real model: a night, and one on which three of its news differ and no book does.

Each run is a process of its own, as an operator starts it; whatever reaches beyond this machine would fail.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.night import Nights
from warehouse.publication import TABLES, Publication, list_publications, verify_publication

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"
LABELING = ("enrich", "embed", "topics", "similar", "judge")
NEW_ITEM = {
    "id": "n121",
    "title": "Night buses to run through the winter in Quarrow",
    "byline": "Ottilie Marsh",
    "body": "Buses in Quarrow will go on running after midnight until the end of March, the town council decided on Friday."
    " The trial began in June on three lines and carried eleven thousand people in its first month, most of them nurses,"
    " bakers and waiters on their way home. Drivers had asked for guards on the last departures, and will get them.",
    "published_at": "2026-10-31T09:00:00Z",
    "url": "https://example.org/news/n121",
}


@dataclass(frozen=True)
class Night:
    """One run: what it printed, and what it published."""

    out: str
    publication: Publication

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.publication.run_id

    def table(self, name: str) -> pl.DataFrame:
        """A published table, in the contract's order."""
        frame = pl.concat([pl.read_parquet(path) for path in self.publication.files(name)])
        return frame.sort("catalog", *TABLES[name].sorted_by)


@dataclass(frozen=True)
class Nightly:
    """A copy of the sample in a folder of its own, and the warehouse of its nights."""

    folder: Path

    @property
    def nights(self) -> Nights:
        """For queries."""
        return Nights(self.folder / "warehouse", [])

    def run(self) -> Night:
        """Run the night as an operator does."""
        catalogs = [part for name in ("news", "books") for part in ("--catalog", str(self.folder / f"{name}.toml"))]
        command = [str(Path(sys.executable).with_name("nightjar")), "--warehouse", str(self.folder / "warehouse")]
        ended = subprocess.run(
            [*command, "run", *catalogs, "--as-of", "2026-11-01"],
            check=False, capture_output=True, text=True, cwd=self.folder, env=environment(),
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Night(ended.stdout, verify_publication(self.folder / "warehouse" / "published"))

    def stage_runs(self, run_id: str) -> dict[tuple[str, str], tuple[int, int]]:
        """Rows in and requests of each labeling stage and catalog of a run."""
        found = self.nights.rows(f"select stage, catalog, rows_in, requests from stage_runs where run_id = '{run_id}'")
        return {(stage, catalog): (n_in, asked) for stage, catalog, n_in, asked in found if stage in LABELING}


def environment() -> Mapping[str, str]:
    """What an operator without any settings has, and no way out of this machine."""
    nowhere = "http://127.0.0.1:9"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **kept,
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "ALL_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Nightly:
    """The sample, to be edited."""
    folder = tmp_path_factory.mktemp("sample") / "sample"
    shutil.copytree(SAMPLE, folder)
    return Nightly(folder)


@pytest.fixture(scope="module")
def first(sample: Nightly) -> Night:
    return sample.run()


@dataclass(frozen=True)
class Edited:
    """The night on which one item was changed, one added, and one gone."""

    night: Night
    changed: str
    gone: str
    new_hashes: set[str]


@pytest.fixture(scope="module")
def second(sample: Nightly, first: Night) -> Edited:
    news = first.table("recommendations").filter(pl.col("catalog") == "news")["item_id"]
    # Neither of a pair of near-duplicates nor the item that stands in its source twice.
    special = {*read_pairs("near_duplicates.csv", "item_a"), *read_pairs("near_duplicates.csv", "item_b"), "n050"}
    ranked = news.value_counts().sort(["count", "item_id"], descending=[True, False])["item_id"]
    # What people did with news speaks for their books, too: so the news that changes is one that nobody has met.
    met = set(pl.read_csv(SAMPLE / "news_events.csv")["item_id"])
    gone = next(item for item in ranked if item not in special)
    changed = next(item for item in ranked if item not in special | met | {gone})
    edit_news(sample.folder / "news.jsonl", changed=changed, gone=gone)
    night = sample.run()
    fresh = f"select content_hash from items where catalog = 'news' and item_id in ('{changed}', 'n121')"
    return Edited(night, changed, gone, set(sample.nights.column(fresh)))


def read_pairs(name: str, column: str) -> list[str]:
    with (SAMPLE / "gold" / name).open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def edit_news(path: Path, *, changed: str, gone: str) -> None:
    """Change the text of one item, take one away, add one; the other lines stay as they are."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if f'"id": "{gone}"' in line:
            continue
        if f'"id": "{changed}"' in line:
            item = json.loads(line)
            kept.append(json.dumps({**item, "body": f"{item['body']} The council will discuss it again in January."}))
        else:
            kept.append(line)
    path.write_text("\n".join([*kept, json.dumps(NEW_ITEM)]) + "\n", encoding="utf-8")


def test_sum_of_the_rows_is_printed_and_holds(first: Night) -> None:
    sums = re.findall(
        r"(items|users|interactions): (\d+) in = (\d+) stored \+ (\d+) quarantined \+ (\d+) exact duplicates", first.out
    )
    assert [tuple(map(int, counts)) for kind, *counts in sums if kind == "items"] == [(125, 120, 4, 1), (43, 40, 3, 0)]
    assert all(int(n_in) == sum(map(int, parts)) for _, n_in, *parts in sums)
    assert len(sums) == 6


def test_twelve_bad_rows_are_quarantined_with_their_reasons(sample: Nightly, first: Night) -> None:
    bad = sample.nights.rows("select distinct parse_filename(file), line, reason, raw from quarantine order by all")
    assert len({(file, line) for file, line, *_ in bad}) == 12
    assert all(reason and raw for _, _, reason, raw in bad)


def test_run_ends_with_what_a_newcomer_looks_for(sample: Nightly, first: Night) -> None:
    assert f"published: {sample.folder}/warehouse/published/latest" in first.out
    assert "lambdamart" in first.out
    assert re.search(r"five recommendations of u\d\d:", first.out)
    assert re.search(r"seconds a stage: ingest \d+\.\d, .*publish \d+\.\d; peak memory \d+ MiB", first.out)
    [query] = re.findall(r"select catalog, rank, title, reason from '.*", first.out)
    shown = re.findall(r"^  \d+\. (.*?)  \(", first.out, re.MULTILINE)
    with_duckdb = sample.nights.rows(query.strip())
    assert [title for _, _, title, _ in with_duckdb] == shown
    assert len(shown) == 5


def test_run_is_on_record_stage_by_stage(sample: Nightly, first: Night) -> None:
    run = f"where run_id = '{first.run_id}'"
    [(status, day, rss)] = sample.nights.rows(f"select status, as_of::text, peak_rss_mb from runs {run}")
    assert (status, day, rss > 100) == ("completed", "2026-11-01", True)
    stages = sample.nights.column(
        f"select stage from stage_runs {run} and catalog in ('news', 'all') order by started_at"
    )
    assert stages == [
        "ingest", "ingest gate", "enrich", "embed", "topics", "similar", "relations", "judge", "quality", "rewrite",
        "candidates", "train", "score", "rerank", "explain", "evaluate", "publish",
    ]  # fmt: skip
    assert sample.nights.column(f"select distinct status from stage_runs {run}") == ["completed"]


def test_every_user_gets_ten_of_each_catalog(first: Night) -> None:
    lists = first.table("recommendations").group_by("catalog", "user_id").len()
    assert lists.height == 80
    assert lists["len"].unique().to_list() == [10]


def test_second_night_asks_and_embeds_nothing_for_books(sample: Nightly, second: Edited) -> None:
    found = sample.stage_runs(second.night.run_id)
    assert {stage: found[stage, "books"] for stage in LABELING} == dict.fromkeys(LABELING, (0, 0))
    assert sample.nights.value(f"select count(*) from topic_prototypes where run_id = '{second.night.run_id}'") == 0


@pytest.mark.parametrize("table", TABLES)
def test_second_night_publishes_the_same_books(first: Night, second: Edited, table: str) -> None:
    assert first.run_id != second.night.run_id
    before, after = (one.table(table).filter(pl.col("catalog") == "books") for one in (first, second.night))
    assert_frame_equal(after, before, check_exact=True)


def test_three_differences_make_exactly_those_due(sample: Nightly, second: Edited) -> None:
    found = sample.stage_runs(second.night.run_id)
    for stage in ("enrich", "embed", "topics"):
        assert (found[stage, "news"], found[stage, "books"]) == ((2, 0), (0, 0)), stage
    assert len(second.new_hashes) == 2
    judged = sample.nights.column(f"select content_hash from judge_labels where run_id = '{second.night.run_id}'")
    assert set(judged) <= second.new_hashes
    assert found["judge", "news"] == (len(judged), 0)
    assert found["judge", "books"] == (0, 0)
    verified = sample.nights.rows(
        f"select hash_a, hash_b from similarity_labels where run_id = '{second.night.run_id}'"
    )
    assert all(second.new_hashes & set(pair) for pair in verified)
    assert found["similar", "books"] == (0, 0)


def test_recommendations_follow(sample: Nightly, first: Night, second: Edited) -> None:
    before, after = first.table("recommendations"), second.night.table("recommendations")
    assert second.gone in before["item_id"]
    for table in ("recommendations", "item_topics", "item_enrichments", "similar_items", "labels"):
        assert second.gone not in second.night.table(table).filter(pl.col("catalog") == "news")["item_id"], table
    assert {second.changed, "n121"} <= set(second.night.table("item_topics")["item_id"])
    losers = before.filter(pl.col("item_id") == second.gone)["user_id"]
    lists = after.filter(pl.col("user_id").is_in(losers.implode()) & (pl.col("catalog") == "news"))
    assert lists.group_by("user_id").len()["len"].unique().to_list() == [10]
    assert sample.nights.rows(f"select is_active from items where catalog = 'news' and item_id = '{second.gone}'") == [
        (False,)
    ]


def test_both_nights_can_still_be_read(sample: Nightly, second: Edited) -> None:
    assert len(list_publications(sample.folder / "warehouse" / "published")) == 2
