"""One labeling night in a process of its own: the work list is streamed, the replies land in a warehouse.

    python -m benchmarks.asking.night '{"folder": "/tmp/night", "url": "http://127.0.0.1:8080/v1", "rows": 500}'

The same rooms as the topics stage, without the flow around them: the `openai` labeler, the reply file, the landing of
labels and dead letters. Prints what it saw as JSON. A row that is labeled is not asked again by the next night.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.asking.news import TAXONOMY, make_news
from tasks.contracts.errors import TerminalError, UnfinishedError
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import ItemText, TopicAnswer
from tasks.labeling.replies import WarehouseBook, WarehouseStore
from tasks.llm.batch.run import BatchDesk
from tasks.llm.budget import Budget
from tasks.llm.types import Endpoint
from tasks.topics import SCHEMA
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.landing import Landing


@dataclass(frozen=True)
class Plan:
    """What one night asks: rows (of which `distinct` differ), how many a request, of which endpoint.

    endpoint holds fields of tasks.llm.types.Endpoint; what it does not say are the defaults. topics is how many labels
    there are. lands False: the answers go to the reply file alone, not into the label table.
    """

    folder: str
    url: str
    rows: int = 500
    distinct: int | None = None
    first: int = 0
    edition: str = ""
    size: int = 1
    endpoint: dict[str, Any] = field(default_factory=dict)
    max_requests: int | None = None
    max_cost_usd: float | None = None
    topics: int = 5
    memory_every: int = 0
    lands: bool = True


@dataclass
class Seen:
    """What a night saw; rows_in_5s counts replies in the first five seconds of asking, memory MiB by rows."""

    seconds: float = 0.0
    rows: int = 0
    labels: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    rows_in_5s: int = 0
    peak_mib: float = 0.0
    memory: list[tuple[int, float]] = field(default_factory=list)
    ended: str = ""


def run(plan: Plan) -> Seen:
    """Label what has no label yet."""
    seen = Seen()
    folder = Path(plan.folder)
    with open_warehouse(folder, memory_limit_mb=256) as warehouse:
        labeler = make_labeler(plan, warehouse)
        fingerprint = labeler.fingerprint("topics")
        schema = {**SCHEMA, "fingerprint": str, "labeler": str, "requests": int, "tokens_in": int, "tokens_out": int,
                  "cost_usd": float, "run_id": str, "created_at": "datetime"}  # fmt: skip
        landing = Landing(warehouse, "topic_labels", catalog="news", task="topics", schema=_polars(schema))
        due = list_due(plan, warehouse, fingerprint)
        begun = time.monotonic()
        try:
            with landing:
                for reply in labeler.label_topics(due):
                    if plan.lands:
                        land(reply, landing, fingerprint=fingerprint, labeler=labeler.name)
                    count(seen, reply, begun=begun, every=plan.memory_every)
        except (UnfinishedError, TerminalError) as error:
            seen.ended = f"{type(error).__name__}: {error}"
        seen.seconds = time.monotonic() - begun
    seen.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seen


def make_labeler(plan: Plan, warehouse: Warehouse) -> OpenAILabeler:
    """The labeler of a plan, with store and desk in the warehouse."""
    named = {"name": "bench", "model": "bench", "provider": "bench", "api_key_env": None}
    limited = plan.max_requests is not None or plan.max_cost_usd is not None
    return OpenAILabeler(
        Endpoint.model_validate({**named, "base_url": plan.url, **plan.endpoint}),
        api_key=SecretStr("bench"),
        taxonomy=TAXONOMY[: plan.topics],
        store=WarehouseStore(warehouse.replies, "topics"),
        desk=BatchDesk(WarehouseBook(warehouse.replies, "topics"), warehouse.folder / "batches"),
        budget=Budget(max_requests=plan.max_requests, max_cost_usd=plan.max_cost_usd) if limited else None,
        questions_per_request={"topics": plan.size},
    )


def list_due(plan: Plan, warehouse: Warehouse, fingerprint: str) -> Iterator[ItemText]:
    """The rows without a label under today's fingerprint: the anti-join, a block of rows at a time."""
    news = make_news(plan.rows, distinct=plan.distinct, first=plan.first, edition=plan.edition)
    cursor = warehouse.cursor()
    has_labels = cursor.execute("select count(*) from topic_labels").fetchall()[0][0] > 0
    while block := [item for _, item in zip(range(1000), news, strict=False)]:
        known: set[str] = set()
        if has_labels:
            found = cursor.execute(
                "select content_hash from topic_labels where fingerprint = $f and content_hash in (select unnest($k))",
                {"f": fingerprint, "k": [item.key for item in block]},
            )
            known = {row[0] for row in found.fetchall()}
        yield from (item for item in block if item.key not in known)


def land(reply: Any, landing: Landing, *, fingerprint: str, labeler: str) -> None:
    """Into the label table or to the dead letters, as the step does it."""
    origin = {"fingerprint": fingerprint, "labeler": labeler, "run_id": "bench", "created_at": utc_now()}
    used = {name: getattr(reply.usage, name) for name in ("requests", "tokens_in", "tokens_out", "cost_usd")}
    answer: TopicAnswer | None = reply.answer
    if answer is not None:
        topics = [{"topic": one.topic, "confidence": one.confidence} for one in answer.topics]
        row = {"content_hash": reply.key, "primary_topic": answer.primary, "topics": topics,
               "confidence": answer.confidence, "reason": answer.reason}  # fmt: skip
        landing.label(reply.key, {**row, **origin, **used})
    else:
        letter = {"catalog": "news", "task": "topics", "question_key": reply.key}
        landing.dead_letter({**letter, **origin, **asdict(reply.failure)})


def count(seen: Seen, reply: Any, *, begun: float, every: int) -> None:
    """Add one reply."""
    seen.rows += 1
    seen.labels += reply.answer is not None
    if reply.failure is not None:
        code = reply.failure.reason.split(":")[0]
        seen.dead[code] = seen.dead.get(code, 0) + 1
    seen.requests += reply.usage.requests
    seen.tokens_in += reply.usage.tokens_in
    seen.tokens_out += reply.usage.tokens_out
    seen.cost_usd += reply.usage.cost_usd
    seen.rows_in_5s += time.monotonic() - begun <= 5
    if every and seen.rows % every == 0:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
        seen.memory.append((seen.rows, round(resident, 1)))
        print(f"{seen.rows} rows, {resident:.0f} MiB, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _polars(schema: dict[str, Any]) -> dict[str, Any]:
    import polars as pl

    plain = {str: pl.String, int: pl.Int64, float: pl.Float64, "datetime": pl.Datetime("us")}
    return {name: plain.get(kind, kind) for name, kind in schema.items()}


if __name__ == "__main__":
    print(json.dumps(asdict(run(Plan(**json.loads(sys.argv[1]))))))
