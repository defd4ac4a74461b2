"""What a run is asked to do: the parameters of every flow, and so the forms of the Prefect UI.

Plain values that Prefect may store; no key is among them. A stage's form shows what that stage uses, nightly's shows all;
inside a run every stage is given a RunRequest.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from warehouse.clock import utc_now

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
STAGES: tuple[StageName, ...] = get_args(StageName)
DATE_PATTERN = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
POSITIONS = (
    "catalogs",
    "as_of",
    "from_stage",
    "to_stage",
    "limit",
    "strict",
    "refit_topics",
    "fresh",
    "n_shuffles",
    "parameters",
)


def _optional(schema: dict[str, Any]) -> None:
    """A field that may be left empty, without the choice between a value and null that a form would show."""
    (value,) = (kind for kind in schema.pop("anyOf") if kind.get("type") != "null")
    schema.update(value)
    schema.pop("default", None)
    if value.get("format") == "date":
        # The server checks patterns and no formats.
        schema["pattern"] = DATE_PATTERN


def _in_order(schema: dict[str, Any]) -> None:
    """Fields where a reader looks for them: a form without positions is sorted by the alphabet."""
    fields = schema.get("properties", {})
    for name in fields:
        fields[name]["position"] = POSITIONS.index(name) if name in POSITIONS else len(POSITIONS)


class StageRequest(BaseModel):
    """One stage for some catalogs, as of a day."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_order)

    catalogs: tuple[Path, ...] = Field(
        (),
        title="Catalogs",
        description="Catalog files; with none, those that the last run knew.",
        examples=[["/srv/nightjar/news.toml"]],
    )
    as_of: date | None = Field(
        None,
        title="As of",
        description="The last day that the run may know of. Empty: today (UTC).",
        json_schema_extra=_optional,
    )
    parameters: dict[str, str] = Field(
        {},
        title="Values for the catalog files",
        description='For their [parameters], as a JSON object: {"data": "/srv/data"}.',
    )
    warehouse: SkipJsonSchema[Path | None] = Field(None, description="folder of the warehouse; none: the setting")
    run_id: SkipJsonSchema[str | None] = Field(None, description="set by a run for the stages that belong to it")
    is_backfill: SkipJsonSchema[bool] = Field(False, description="set by backfill: an earlier night, made now")

    def day(self) -> date:
        """as_of, or today."""
        return self.as_of or utc_now().date()

    @property
    def dated(self) -> str:
        """The day as text, for the names of runs."""
        return self.day().isoformat()


class IngestRequest(StageRequest):
    """The stage that reads the sources."""

    limit: Annotated[int, Field(ge=1)] | None = Field(
        None,
        title="Rows a source, at most",
        description="For a trial: read no more than so many rows of each source. Empty: all.",
        json_schema_extra=_optional,
    )


class LabelingRequest(StageRequest):
    """A stage that asks a labeler."""

    strict: bool = Field(
        False,
        title="Strict",
        description="Fail when a question gets no usable answer, rather than ask it again tomorrow.",
    )


class TopicsRequest(LabelingRequest):
    """The stage topics."""

    refit_topics: bool = Field(
        False, title="Fit the topics anew", description="Fit the topic prototypes anew; all topic labels are due again."
    )


def _stages_in_order(schema: dict[str, Any]) -> None:
    """Say in the schema too that the last stage does not come before the first, so that the server refuses it."""
    _in_order(schema)
    chain: dict[str, Any] = {}
    for index in reversed(range(1, len(STAGES))):
        chain = {
            "if": {"properties": {"from_stage": {"const": STAGES[index]}}, "required": ["from_stage"]},
            "then": {"properties": {"to_stage": {"enum": list(STAGES[index:])}}},
            **({"else": chain} if chain else {}),
        }
    schema.update(chain)


class RunRequest(IngestRequest, TopicsRequest):
    """A night, or some of its stages."""

    model_config = ConfigDict(json_schema_extra=_stages_in_order)

    from_stage: StageName = Field(
        "ingest", title="First stage", description="Go on from here with what the stages before it left."
    )
    to_stage: StageName = Field("publish", title="Last stage", description="End after this stage.")
    fresh: bool = Field(
        False, title="Do everything", description="Do every stage, also those of which nothing has changed."
    )
    keeps: SkipJsonSchema[bool] = Field(
        False, description="set by nightly: a stage of which nothing has changed is kept"
    )

    @model_validator(mode="after")
    def _check_stages(self) -> RunRequest:
        if STAGES.index(self.to_stage) < STAGES.index(self.from_stage):
            raise ValueError(
                f"stage {self.to_stage!r} comes before {self.from_stage!r}; the order is {', '.join(STAGES)}"
            )
        return self

    def stages(self) -> list[StageName]:
        """The stages from the first to the last, both included."""
        return list(STAGES[STAGES.index(self.from_stage) : STAGES.index(self.to_stage) + 1])
