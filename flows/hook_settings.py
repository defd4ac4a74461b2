"""The table `[hooks]` of nightjar.toml: who is told of which end of a run."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

HookEvent = Literal["failure", "gate", "budget", "success", "crash"]
EVENTS: tuple[HookEvent, ...] = get_args(HookEvent)
LOG = "log"

HookName = Annotated[str, Field(pattern=r"^(log|[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*)$")]


class HooksSection(BaseModel):
    """Names of those who are told, by event: "log", or TYPE/NAME of a notification block of Prefect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_failure: tuple[HookName, ...] = ()
    on_gate: tuple[HookName, ...] = ()
    on_budget: tuple[HookName, ...] = ()
    on_success: tuple[HookName, ...] = ()
    on_crash: tuple[HookName, ...] = ()

    def of(self, event: HookEvent) -> tuple[str, ...]:
        """Those who are told of an event."""
        told: tuple[str, ...] = getattr(self, f"on_{event}")
        return told
