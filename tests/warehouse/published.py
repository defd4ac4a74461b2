"""Made-up publications for the tests: rows of every table, the facts of a run, and how they are published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from warehouse.publication import CatalogFacts, Publication, RunFacts, TableRows, publish

DAY = date(2026, 11, 1)
LABEL = {"confidence": 0.9, "labeler": "embedded:test", "fingerprint": "f1", "reason": "because"}


def facts(run_id: str = "r1", *, catalogs: tuple[str, ...] = ("news",), night: int = 0) -> RunFacts:
    return RunFacts(
        run_id=run_id, as_of=DAY, published_at=datetime(2026, 11, 1, 3) + timedelta(days=night), code_version="0.1.0",
        catalogs=[CatalogFacts(name, name.title(), "CC0-1.0", "readers") for name in catalogs],
        gates=[{"suite": "ingest", "expectation": "enough_items", "is_success": True}],
        models=[{"catalog": "news", "model_id": "m1"}], labelers=[{"task": "topics", "labeler": "embedded:test"}],
        costs={"cost_usd": 0.0, "requests": 0},
    )  # fmt: skip


def recommendations(catalog: str = "news", *, n_users: int = 3, n_items: int = 4, mark: str = "") -> pl.DataFrame:
    """Lists of n_items for users u00, u01 …; mark goes into every reason, so that runs can be told apart."""
    rows = [
        {
            "catalog": catalog, "user_space": "readers", "user_id": f"u{user:02d}", "rank": rank,
            "item_id": f"i{user + rank}", "title": f"Title {rank}", "url": "", "score": 1.0 / rank,
            "sources": ["bm25", "dense_profile"], "reason": f"because {mark}",
            "reason_content": "a topic", "reason_popularity": None, "reason_diversity": None, "reason_time": None,
            "reason_source": "template", "propensity": 0.1 if rank == n_items else None,
            "primary_topic": None if rank == 1 else "sport", "as_of": DAY,
        }
        for user in range(n_users)
        for rank in range(1, n_items + 1)
    ]  # fmt: skip
    blank = dict.fromkeys(("reason_popularity", "reason_diversity", "reason_time"), pl.String)
    return pl.DataFrame(rows, schema_overrides={**blank, "propensity": pl.Float64}, infer_schema_length=None)


def rows_of_all_tables(catalog: str = "news", *, mark: str = "") -> Iterator[TableRows]:
    whole = recommendations(catalog, mark=mark)
    # As shards by user hash come: each of whole users, in no order.
    yield TableRows(
        "recommendations", catalog, (whole.filter(pl.col("user_id") == user) for user in ("u02", "u00", "u01"))
    )
    topics = [{"topic": "sport", "confidence": 0.9}]
    item = {"catalog": catalog, "item_id": "i1"}
    frames = {
        "item_topics": {**item, "primary_topic": "sport", "parent_topic": "sport", "topics": topics, **LABEL},
        "item_enrichments": {
            **item, "summary": "s", "themes": ["t"], "mood": "", "audience": "", "keywords": ["k"], "aspects": "{}", **LABEL,
        },
        "item_groups": {**item, "group_id": "i1", "n_items": 2},
        "similar_items": {**item, "similar_item_id": "i2", "cosine": 1.0, "is_similar": True, **LABEL},
        "labels": {
            **item, "user_space": "readers", "user_id": "u01", "relevance": 3, "sampling_probability": 0.5,
            "stratum": "near", **LABEL, "created_at": datetime(2026, 11, 1, 2, 30),
        },
        "metrics": {
            "catalog": catalog, "ranker": "lambdamart", "slice": "all", "metric": "ndcg", "k": 10, "value": 0.5, "ci_low": None,
            "ci_high": None, "n_users": 3, "as_of": DAY,
        },
    }  # fmt: skip
    for table, row in frames.items():
        yield TableRows(table, catalog, [pl.DataFrame([row])])


def publish_all(published: Path, run_id: str = "r1", *, mark: str = "", night: int = 0, keep: int = 7) -> Publication:
    """Publish rows of every table; mark tells the runs apart."""
    return publish(published, rows_of_all_tables(mark=mark), facts=facts(run_id, night=night), keep=keep)


def only(frame: pl.DataFrame) -> list[TableRows]:
    """A publication of recommendations alone."""
    return [TableRows("recommendations", "news", [frame])]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
