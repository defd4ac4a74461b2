"""Notification blocks of Prefect for the hooks: shown, stored and tried from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.utilities.dispatch import get_registry_for_type
from pydantic import ValidationError
from rich.table import Table

from flows.console import out
from flows.hook_settings import EVENTS, LOG, HookEvent
from flows.hooks import example_ending, load_block, tell
from flows.settings import Settings
from tasks.contracts.errors import ConfigError, StepError

VARIABLE = "env:"


def print_hooks(settings: Settings) -> None:
    """A line an event and name: who is told, and whether Prefect has the block."""
    table = Table(title="who is told how a run ended", title_justify="left")
    for name in ("event", "told", "state"):
        table.add_column(name, overflow="fold")
    for event in EVENTS:
        for name in settings.hooks.of(event) or ("nobody",):
            table.add_row(f"on_{event}", name, "" if name == "nobody" else _state(name))
    out.print(table)


def add_block(name: str, values: Sequence[str]) -> None:
    """Store a block from KEY=VALUE texts. Raises ConfigError for an unknown type, key or value."""
    slug, _, block_name = name.partition("/")
    types = notification_types()
    if slug not in types or not block_name:
        raise ConfigError(f"{name!r} is not TYPE/NAME of a notification block; types are {', '.join(sorted(types))}")
    given = dict(_read_value(text) for text in values)
    if "name" in types[slug].model_fields:
        given.setdefault("name", block_name)
    try:
        block = types[slug](**given)
    except ValidationError as error:
        # Without its values: one of them may be a secret.
        keys = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}))
        known = ", ".join(types[slug].model_fields)
        raise ConfigError(f"block {name!r}: look at {keys or 'its values'}; its keys are {known}") from error
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"block {name!r} can't be made: {type(error).__name__}; see its type's page in Prefect"
        ) from error
    block.save(block_name, overwrite=True)
    out.print(f"block {name} is stored; name it in [hooks] of nightjar.toml, then: nightjar hooks test", markup=False)


def try_events(events: Sequence[HookEvent], settings: Settings) -> None:
    """Tell of a run that never was. Raises StepError if somebody could not be told."""
    told, failed = 0, []
    for event in events:
        told += len(settings.hooks.of(event))
        failed += tell(event, example_ending(event), settings)
    if failed:
        raise StepError(f"{len(failed)} of {told} hooks could not tell: {', '.join(sorted(set(failed)))}")
    out.print(f"{told} hooks told of {', '.join(events)}" if told else "nobody is named for these events in [hooks]")


def notification_types() -> dict[str, type[NotificationBlock]]:
    """The block types that can notify, by slug: Prefect's own, and mail."""
    known: Iterable[type[Block]] = (get_registry_for_type(Block) or {}).values()
    kinds = [kind for kind in known if issubclass(kind, NotificationBlock)]
    return {str(kind.get_block_type_slug()): kind for kind in kinds}


def _state(name: str) -> str:
    if name == LOG:
        return "ok"
    try:
        load_block(name)
    except ConfigError as error:
        return str(error)
    return "ok"


def _read_value(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ConfigError(f"--set {text!r} is not of the form KEY=VALUE")
    if value.startswith(VARIABLE):
        variable = value.removeprefix(VARIABLE)
        if variable not in os.environ:
            raise ConfigError(f"--set {key}: the variable {variable!r} is not set")
        return key, os.environ[variable]
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
