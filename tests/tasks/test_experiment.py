"""All six experiments on a small catalog: what they measure, what they say, and the page that they write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tasks.contracts.errors import ConfigError, MissingInputError
from tasks.experiment import EXPERIMENTS, ExperimentName, missing_stages, run_experiment, write_experiment
from tasks.experiments.findings import Findings
from tests.fake_embedder import HashingEmbedder
from tests.llm.fake_server import Answer, FakeServer, Request, completion
from tests.llm_script import task_of
from tests.night import Nights, SmallCatalog, plug_embedder, with_key

STAGES = ("ingest", "enrich", "embed", "topics", "similar", "judge", "candidates", "train")
NAMES = get_args(ExperimentName)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """A warehouse with everything that any experiment needs; the embedder stays plugged in."""
    with pytest.MonkeyPatch.context() as patched:
        embedder = HashingEmbedder(dimension=64)
        plug_embedder(patched, embedder)
        patched.setattr("tasks.experiments.setting.embedder_for", lambda model: embedder)
        nights = Nights(tmp_path_factory.mktemp("nights"), [SmallCatalog(tmp_path_factory.mktemp("files"), n_users=60)])
        nights.run(*STAGES)
        yield nights


@pytest.fixture(scope="module")
def found(nights: Nights) -> dict[str, Findings]:
    return {name: run_experiment(nights.context(), name).findings for name in NAMES}


def cells(findings: Findings, *, table: int = 0) -> dict[str, tuple[str, ...]]:
    """The rows of a table by their name."""
    return {row[0]: row[1:] for row in findings.tables[table].rows}


def mean(cell: str) -> float:
    return float(cell.strip("*").split(" ")[0])


def test_retrieval_finds_the_same_topic_and_its_own_text(found: dict[str, Findings]) -> None:
    rows = cells(found["retrieval"])
    assert {"BM25", "dense", "rank fusion, chosen weight", "z-scores, chosen weight"} < rows.keys()
    assert mean(rows["dense"][-1]) > 0.45  # chance: a third
    own = next(table for table in found["retrieval"].tables if table.title.startswith("Its own text"))
    assert {row[0] for row in own.rows} == rows.keys()


def test_ranking_compares_sources_and_learnt_rankers_on_the_same_users(found: dict[str, Findings]) -> None:
    rows = cells(found["ranking"])
    assert {"random", "similarity", "fusion", "linear", "logistic", "LambdaMART"} < rows.keys()
    assert mean(rows["LambdaMART"][0]) > mean(rows["random"][0])
    curve = found["ranking"].tables[2].rows
    assert [int(row[0]) for row in curve] == sorted(int(row[0]) for row in curve)


def test_enrichment_measures_each_input(found: dict[str, Findings]) -> None:
    rows = cells(found["enrichment"])
    assert {"title", "enriched", "title, text and enriched"} < rows.keys()
    assert "title and category" not in rows
    assert mean(rows["title and text"][0]) > 1 / 3


def test_collaborative_says_that_nobody_was_prompted(found: dict[str, Findings]) -> None:
    rows = cells(found["collaborative"])
    assert {"popularity", "item kNN", "matrix factorization (ALS)", "EASE"} == rows.keys()
    assert mean(rows["EASE"][0]) > 0
    assert "language model: skipped" in found["collaborative"].verdicts[-1]


def test_rerank_asks_in_three_ways_without_an_endpoint(found: dict[str, Findings]) -> None:
    assert cells(found["rerank"]).keys() == {"fusion, as it is", "pointwise", "pairwise", "listwise"}
    assert "chain of thought: skipped" in found["rerank"].verdicts[-1]
    bill = cells(found["rerank"], table=2)
    assert all(int(row[0]) > 0 and int(row[1]) == 0 for row in bill.values())


def test_cold_items_are_found_by_content_alone(found: dict[str, Findings]) -> None:
    rows = cells(found["cold-start"])
    assert mean(rows["dense_history"][0]) > 0
    assert [mean(rows[name][0]) for name in ("popularity", "collaborative", "item_to_item")] == [0, 0, 0]
    nothing = cells(found["cold-start"], table=4)
    assert mean(nothing["dense_profile"][0]) == mean(nothing["dense_history"][0]) == 0
    assert mean(nothing["popularity"][0]) > 0


def test_page_holds_command_protocol_tables_and_pictures(nights: Nights, tmp_path: Path) -> None:
    parts = [run_experiment(nights.context(), "cold-start")]
    page, *pictures = write_experiment("cold-start", parts, command="nightjar experiment cold-start", folder=tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "nightjar experiment cold-start\n" in text
    assert "### Protocol" in text
    assert "seed: 7" in text
    assert pictures
    assert all(f"({picture.name})" in text and picture.stat().st_size > 1000 for picture in pictures)
    before = [path.read_bytes() for path in (page, *pictures)]
    write_experiment("cold-start", parts, command="nightjar experiment cold-start", folder=tmp_path)
    assert [path.read_bytes() for path in (page, *pictures)] == before


def test_a_language_model_is_told_titles_and_thinks_aloud(nights: Nights) -> None:
    with FakeServer(answer_like_a_judge) as server:
        context = nights.context(endpoints=with_key(server.url))
        context = replace(context, catalog=asking_catalog(context.catalog))
        prompted = run_experiment(context, "collaborative").findings
        asked = [request.user for request in server.requests]
        reranked = run_experiment(context, "rerank").findings
        thought = [request.system for request in server.requests[len(asked) :]]
    rows = cells(prompted, table=1)
    assert {"openai:fake-model, zero-shot", "openai:fake-model, few-shot"} < rows.keys()
    assert any("Liked:" in text for text in asked)
    assert any("Another person who liked" in text for text in asked)
    cost = cells(prompted, table=2)["openai:fake-model, zero-shot"][-1]
    assert float(cost) > 0
    assert "chain of thought" in cells(reranked)
    assert any("four short steps" in text for text in thought)


def asking_catalog(catalog):
    """The same catalog, whose judge is the default endpoint."""
    return catalog.model_copy(update={"labelers": catalog.labelers.model_copy(update={"judge": ("openai",)})})


def answer_like_a_judge(request: Request) -> Answer:
    """Grades by number, orders as shown."""
    count = int(re.findall(r": (\d+), numbered from 1", request.user)[0])
    if task_of(request) == "judge":
        answers = [{"number": n, "reason": "so", "relevance": n % 4, "confidence": 0.8} for n in range(1, count + 1)]
    else:
        sizes = [int(size) for size in re.findall(r"^List \d+: (\d+) items$", request.user, re.MULTILINE)]
        answers = [
            {"number": n, "reason": "so", "order": list(range(1, size + 1)), "confidence": 0.8}
            for n, size in enumerate(sizes, start=1)
        ]
    return completion({"answers": answers})


def test_stages_that_have_not_run_are_named_in_order(nights: Nights, tmp_path: Path) -> None:
    assert all(missing_stages(nights.context(), name) == [] for name in NAMES)
    empty = replace(nights.context(), folder=tmp_path)
    assert missing_stages(empty, "ranking") == list(EXPERIMENTS["ranking"].stages)


def test_catalog_without_held_out_interactions_is_refused(nights: Nights) -> None:
    context = nights.context()
    relevance = context.catalog.relevance.model_copy(update={"truth": ("judge",)})
    judged = replace(context, catalog=context.catalog.model_copy(update={"relevance": relevance}))
    with pytest.raises(MissingInputError, match="holds out no interaction"):
        run_experiment(judged, "cold-start")


def test_unknown_experiment_is_refused(nights: Nights) -> None:
    with pytest.raises(ConfigError, match="unknown experiment 'magic'"):
        run_experiment(nights.context(), "magic")
