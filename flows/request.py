"""RunRequest: the parameters of every flow. Plain values that Prefect may store; no key is among them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

StageName = Literal[
    "ingest",
    "enrich",
    "embed",
    "topics",
    "similar",
    "relations",
    "judge",
    "quality",
    "rewrite",
    "candidates",
    "train",
    "score",
    "rerank",
    "explain",
    "evaluate",
    "publish",
]


class RunRequest(BaseModel):
    """What a run is asked to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    catalogs: tuple[Path, ...] = Field((), description="catalog files; none: those of the last run")
    parameters: dict[str, str] = Field({}, description="values for the catalog files' [parameters]")
    warehouse: Path | None = Field(None, description="folder of the warehouse; none: the setting")
    as_of: date | None = Field(None, description="the last day that the run may know of; none: today (UTC)")
    from_stage: StageName = "ingest"
    to_stage: StageName = "publish"
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None, description="the most rows read from each source, for a trial"
    )
    strict: bool = Field(False, description="fail when a question ends as a dead letter")
    refit_topics: bool = Field(False, description="fit the topic prototypes anew; all topic labels are due again")
    run_id: str | None = Field(None, description="set by nightly for the stages that belong to it")

    def day(self) -> date:
        """as_of, or today."""
        return self.as_of or datetime.now(UTC).date()
