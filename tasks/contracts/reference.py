"""Writes docs/catalog-reference.md from the catalog's model: `python -m tasks.contracts.reference > docs/catalog-reference.md`."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.contracts.asking import RedactPattern
from tasks.contracts.catalog import Catalog, SourceConfig, Topic
from tasks.contracts.meanings import MEANINGS, REDACT_PATTERN, RULE, SOURCE, TOPIC
from tasks.contracts.recommending import RuleConfig

INTRODUCTION = """\
# Catalog files: every key

This page is generated from `tasks/contracts/catalog.py` and `tasks/contracts/meanings.py`
(`python -m tasks.contracts.reference > docs/catalog-reference.md`); a test fails when it is stale.
[catalogs.md](catalogs.md) explains how to write a catalog file, step by step.

An unknown key, a value of another type or outside its bounds is an error that names file and key, and the nearest known
key. Intervals are written as in mathematics: `(0, 1]` is above 0 and at most 1.
"""
NAMES = {str: "text", int: "integer", float: "number", bool: "true or false"}


def render_reference() -> str:
    """The reference as Markdown."""
    fields = Catalog.model_fields
    sections = {name: of for name, field in fields.items() if (of := _section_of(field)) is not None}
    parts = [
        INTRODUCTION,
        _render("The top of the file", Catalog, MEANINGS, skip=sections),
        _render("`[[items]]`, `[[users]]`, `[[interactions]]`", SourceConfig, SOURCE),
        _render("`[[taxonomy]]`", Topic, TOPIC),
        _render("`[[redact_patterns]]`", RedactPattern, REDACT_PATTERN),
        _render("`[[rules]]`", RuleConfig, RULE),
    ]
    for name, section in sections.items():
        meanings = {key.removeprefix(f"{name}."): text for key, text in MEANINGS.items() if key.startswith(f"{name}.")}
        parts.append(_render(f"`[{name}]`", section, meanings))
    return "\n".join(parts)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _render(
    heading: str, section: type[BaseModel], meanings: Mapping[str, str], *, skip: Mapping[str, Any] | None = None
) -> str:
    introduction = " ".join((section.__doc__ or "").split("\n\n")[0].split())
    rows = "\n".join(_rows(section, meanings, skip or {}))
    return f"## {heading}\n\n{introduction}\n\n| key | type | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(section: type[BaseModel], meanings: Mapping[str, str], skip: Mapping[str, Any]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if name not in skip:
            inner = _section_of(field)
            told = inner and f"table of {', '.join(f'`{key}`' for key in inner.model_fields)}"
            kind = told or describe_type(field.annotation, tuple(field.metadata))
            yield f"| `{name}` | {kind} | {_default(name, field)} | {meanings[name]} |"


def describe_type(kind: Any, metadata: tuple[Any, ...] = ()) -> str:
    """A type in words, with its bounds: "integer in [1, 50]", "list of text"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        nested = [part for one in inner[1:] for part in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return describe_type(inner[0], tuple(nested))
    if origin in (Union, types.UnionType):
        told = [describe_type(one, metadata) for one in inner if one is not type(None)]
        return " or ".join(told)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is tuple:
        return f"list of {describe_type(inner[0])}"
    if origin is not None:
        return f"table: {describe_type(inner[0])} = {describe_type(inner[1])}"
    return f"{NAMES.get(kind, 'tables')}{_bounds(metadata)}"


def _bounds(metadata: tuple[Any, ...]) -> str:
    found = {name: getattr(one, name) for one in metadata for name in ("ge", "gt", "le", "lt") if hasattr(one, name)}
    low = f"[{found['ge']:g}" if "ge" in found else f"({found.get('gt', '-∞')}"
    high = f"{found['le']:g}]" if "le" in found else f"{found.get('lt', '∞')})"
    return f" in {low}, {high}" if found else ""


def _default(name: str, field: FieldInfo) -> str:
    if name == "user_space":
        return "the catalog's name"
    if field.is_required():
        return "**required**"
    value = field.default
    return "none" if value is None or isinstance(value, BaseModel) else f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
