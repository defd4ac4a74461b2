"""The jobs by name, loaded when they are asked for: one that embeds needs no ranker, and one that ranks no model of texts."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import polars as pl

JOBS: Mapping[str, str] = {
    "retrieve": "tasks.sharding.jobs:retrieve",
    "rank": "tasks.sharding.jobs:rank",
    "embed": "tasks.sharding.embedding:embed",
    "label": "tasks.sharding.labeling:label",
    "publish": "tasks.sharding.publishing:publish_file",
}


@dataclass(frozen=True)
class MadeShard:
    """A shard's rows, and small facts of it that add up over shards."""

    frame: pl.DataFrame
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class MadeFile:
    """A file that a job has written whole, below scratch, which lasts as long as this."""

    path: Path
    n_rows: int
    facts: Mapping[str, Any]
    scratch: TemporaryDirectory[str]


Job = Callable[[Any, Any], MadeShard]


def job_of(name: str) -> Job:
    """The function of a kit and a part; KeyError for a name that JOBS lacks."""
    module, _, function = JOBS[name].partition(":")
    return cast("Job", getattr(importlib.import_module(module), function))
