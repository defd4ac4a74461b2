"""A StepContext that notes which settings a step looks at, and which sections of its catalog.

So nobody has to declare what a stage depends on, and nothing can be forgotten: what was not looked at can't have mattered.
What is copied, dumped or sent elsewhere as a whole counts as looked at whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pydantic import BaseModel, PrivateAttr

from tasks.contracts.catalog import Catalog
from tasks.contracts.context import StepContext

OPERATIONAL = frozenset(
    {
        "run_id", "catalog", "folder", "as_of", "catalog_file", "code_version", "limit", "memory_limit_mb", "keep_runs",
        "keep_publications", "keep_hours", "publish_to", "is_strict", "is_backfill", "keeps", "progress", "reports", "pool",
    }
)  # fmt: skip
"""Fields of the context that say where, when and how a stage runs. All others may shape what it makes."""
SETTINGS = frozenset(one.name for one in fields(StepContext)) - OPERATIONAL
SECTIONS = frozenset(Catalog.model_fields)


class WatchedCatalog(Catalog):
    """A catalog that notes which sections are read."""

    _seen: set[str] = PrivateAttr(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        if name in SECTIONS:
            super().__getattribute__("_see")(name)
        return super().__getattribute__(name)

    def _see(self, *names: str) -> None:
        self._seen.update(f"catalog.{name}" for name in names)

    def __getstate__(self) -> dict[Any, Any]:
        self._see(*SECTIONS)
        return super().__getstate__()

    def model_dump(self, **options: Any) -> dict[str, Any]:
        self._see(*SECTIONS)
        return super().model_dump(**options)

    def model_dump_json(self, **options: Any) -> str:
        self._see(*SECTIONS)
        return super().model_dump_json(**options)


@dataclass(frozen=True)
class WatchedContext(StepContext):
    """A context that notes which of SETTINGS are read; `seen` also has the sections of the catalog, as "catalog.similar"."""

    seen: set[str] = field(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        if name in SETTINGS:
            object.__getattribute__(self, "seen").add(name)
        return object.__getattribute__(self, name)


def watch_context(context: StepContext) -> WatchedContext:
    """The same context, watched from now on."""
    plain = context.catalog
    catalog = WatchedCatalog.model_construct(
        _fields_set=plain.model_fields_set, **{name: getattr(plain, name) for name in Catalog.model_fields}
    )
    values = {one.name: getattr(context, one.name) for one in fields(StepContext)}
    watched = WatchedContext(**{**values, "catalog": catalog})
    object.__getattribute__(watched, "seen").clear()
    catalog._seen = watched.seen
    return watched


def digest_setting(context: StepContext, name: str) -> str:
    """A digest of a setting's value, or of a section's ("catalog.similar"); no key is part of it. "" for a name unknown."""
    owner: Any = context
    for part in name.split("."):
        owner = getattr(owner, part, None)
    text = json.dumps(_plain(owner), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        # In the order of the file: which rule comes first may matter.
        return [[str(key), _plain(one)] for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "api_key"):
        # An endpoint: whether it can be asked counts, the key does not.
        return {**{key: one for key, one in asdict(value).items() if key != "api_key"}, "is_usable": value.is_usable}
    return value
