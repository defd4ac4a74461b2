"""What the commands share: the settings, the options that all of them have, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from flows.request import RunRequest
from flows.settings import Settings
from tasks.contracts.errors import ConfigError

Catalogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        help="A catalog file; give it again for several. Default: those of the settings or of the last run.",
    ),
]
Parameters = Annotated[
    list[str] | None, typer.Option("--param", help="A value for the catalog files' [parameters]: --param data=/path.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="The last day the run may know of, YYYY-MM-DD. Default: today (UTC).")
]

TaskName = Literal["enrich", "topics", "similar", "judge", "rank", "rewrite", "rerank", "explain"]


@dataclass(frozen=True)
class State:
    """Settings as read at the start; warehouse is the folder given on the command line, if any."""

    settings: Settings
    warehouse: Path | None


def make_request(
    context: typer.Context, *, catalogs: list[Path] | None, params: list[str] | None, as_of: str | None, **more: object
) -> RunRequest:
    """The request of a command. Raises ConfigError for a parameter without "=" or a day that is none."""
    state: State = context.obj
    values = {
        "catalogs": tuple(catalogs or ()),
        "parameters": dict(_split_parameter(text) for text in params or []),
        "warehouse": state.warehouse,
        "as_of": parse_day(as_of) if as_of else None,
        **more,
    }
    try:
        return RunRequest.model_validate(values)
    except ValidationError as error:
        raise ConfigError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _split_parameter(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"--param {text!r} is not of the form NAME=VALUE")
    # A path is meant from where the operator stands, not from the catalog file.
    return name, str(Path(value).resolve()) if Path(value).exists() else value


def parse_day(text: str, *, name: str = "--as-of") -> date:
    """A day as the operator writes it. Raises ConfigError for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{name} {text!r} is no day; write for example 2026-11-01") from error
