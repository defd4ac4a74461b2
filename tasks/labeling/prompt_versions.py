"""The prompts that labels were made with: kept when a labeler takes over, read again to compare. Table prompt_versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError, MissingInputError
from tasks.labelers.protocol import Task
from tasks.llm.prompts import PromptTemplate
from warehouse.clock import utc_now
from warehouse.connection import Warehouse


@dataclass(frozen=True)
class PromptVersion:
    """A prompt as it stood: its hash, front matter, parts and the JSON schema of its replies."""

    hash: str
    version: str
    note: str
    system: str
    user: str
    schema: str

    @property
    def text(self) -> str:
        """All that a model is told by it, as one text to compare."""
        return f"# System\n{self.system}\n\n# User\n{self.user}\n\n# Schema of the reply\n{self.schema}\n"


@dataclass(frozen=True)
class ActivePrompt:
    """Whose labels count for a catalog and task: labeler, fingerprint, how many labels, and the prompt if it has one."""

    labeler: str
    fingerprint: str
    n_labels: int
    prompt: PromptVersion | None


def describe_template(template: PromptTemplate) -> PromptVersion:
    """A template as a version."""
    return PromptVersion(
        hash=template.hash,
        version=template.file.version,
        note=template.file.note,
        system=template.system,
        user=template.file.user,
        schema=json.dumps(template.schema, indent=2, ensure_ascii=False),
    )


def store_prompt(warehouse: Warehouse, context: StepContext, *, task: Task, template: PromptTemplate) -> None:
    """Keep a template as it is now; one that is known already stays as it was first seen."""
    version = describe_template(template)
    row = {
        "prompt_hash": version.hash,
        "task": task,
        "catalog": context.catalog.name,
        "version": version.version,
        "note": version.note,
        "system_text": version.system,
        "user_text": version.user,
        "schema": version.schema,
        "first_seen_at": utc_now(),
    }
    warehouse.insert("prompt_versions", pl.DataFrame([row]), on_conflict="ignore")


def read_active(warehouse: Warehouse, *, catalog: str, task: Task) -> ActivePrompt:
    """Whose labels count today. Raises MissingInputError where nobody has labeled yet."""
    found = warehouse.query("queries/active_prompt", catalog=catalog, task=task)
    if found.is_empty():
        raise MissingInputError(
            f"catalog {catalog!r} has no labels of {task!r} yet, so there is nothing to compare; run the stage {task} first"
        )
    row = found.row(0, named=True)
    return ActivePrompt(row["labeler"], row["fingerprint"], row["n_labels"], _to_version(row))


def find_version(warehouse: Warehouse, *, task: Task, prompt_hash: str) -> PromptVersion:
    """The version whose hash begins so. Raises ConfigError where there is none, or more than one."""
    found = warehouse.query("queries/prompt_versions_of", task=task)
    fitting = found.filter(pl.col("prompt_hash").str.starts_with(prompt_hash))
    version = _to_version(fitting.row(0, named=True)) if fitting.height == 1 else None
    if version is None:
        known = ", ".join(found["prompt_hash"]) or "none"
        several = f"{fitting.height} prompts" if fitting.height else "no prompt"
        raise ConfigError(f"the hash {prompt_hash!r} fits {several} of task {task!r}; known are {known}")
    return version


def _to_version(row: Mapping[str, Any]) -> PromptVersion | None:
    if not row["prompt_hash"]:
        return None
    return PromptVersion(
        hash=row["prompt_hash"],
        version=row["version"],
        note=row["note"],
        system=row["system_text"],
        user=row["user_text"],
        schema=row["schema"],
    )
