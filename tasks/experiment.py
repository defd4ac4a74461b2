"""experiment: a warehouse -> a page that compares several ways to do one thing, with intervals and plots.

Reads items, vectors, labels, interactions and what `train` wrote; changes nothing in the warehouse. Which stages an
experiment needs stands in EXPERIMENTS; the flow runs those of them that are missing. Time and memory as each says.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.experiments.findings import Findings
from tasks.experiments.page import Part, write_page
from tasks.experiments.setting import Setting
from warehouse.connection import DATABASE, Warehouse, open_warehouse

ExperimentName = Literal["retrieval", "ranking", "enrichment", "collaborative", "rerank", "cold-start"]


@dataclass(frozen=True)
class Experiment:
    """module has a function run(Setting) -> Findings; stages are what must have run, in their order."""

    module: str
    stages: tuple[str, ...]


LEARNT = ("ingest", "embed", "topics", "similar", "judge", "candidates", "train")
EXPERIMENTS: dict[ExperimentName, Experiment] = {
    "retrieval": Experiment("retrieval", ("ingest", "embed", "topics")),
    "ranking": Experiment("ranking", LEARNT),
    "enrichment": Experiment("enrichment", ("ingest", "enrich", "embed", "topics")),
    "collaborative": Experiment("collaborative", ("ingest", "embed")),
    "rerank": Experiment("rerank", LEARNT),
    "cold-start": Experiment("cold_start", ("ingest", "embed")),
}
LABELS = {"enrich": "enrich", "embed": "embed_items", "topics": "topics", "similar": "similar", "judge": "judge"}
"""Stages that leave an active fingerprint, and its task."""

OUTPUTS = {"candidates": "candidates-holdout", "train": "features-holdout"}
"""Stages that leave shards, and their folder."""


def missing_stages(context: StepContext, name: ExperimentName) -> list[str]:
    """The stages that the experiment needs and that have not run for the catalog, in their order."""
    wanted = [stage for stage in EXPERIMENTS[name].stages if _applies(context, stage)]
    if not (context.folder / DATABASE).exists():
        return wanted
    with open_warehouse(context.folder, read_only=True) as warehouse:
        categories = warehouse.query("queries/item_categories", catalog=context.catalog.name)
        # Where the source states categories, these are the topics of the queries.
        is_spared = "topics" if name == "retrieval" and not categories.is_empty() else None
        return [
            stage for stage in wanted if stage != is_spared and not _has_run(warehouse, context.catalog.name, stage)
        ]


def run_experiment(context: StepContext, name: ExperimentName) -> Part:
    """Run the experiment on the catalog. Raises MissingInputError or TooFewLabelsError where the catalog can't be used."""
    if name not in EXPERIMENTS:
        raise ConfigError(f"unknown experiment {name!r}; expected one of {', '.join(EXPERIMENTS)}")
    run: Callable[[Setting], Findings] = importlib.import_module(f"tasks.experiments.{EXPERIMENTS[name].module}").run
    with open_warehouse(context.folder, read_only=True, memory_limit_mb=context.memory_limit_mb) as warehouse:
        findings = run(Setting(context, warehouse))
        facts = _facts(warehouse, context)
    return Part(context.catalog.name, context.catalog.title, facts, findings)


def write_experiment(name: ExperimentName, parts: Sequence[Part], *, command: str, folder: Path) -> list[Path]:
    """Write the page and its pictures; their paths, the page first."""
    return write_page(name, parts, command=command, folder=folder)


def _applies(context: StepContext, stage: str) -> bool:
    catalog = context.catalog
    if stage == "topics":
        return bool(catalog.taxonomy)
    if stage == "judge":
        return catalog.judge.pairs_per_user > 0 or catalog.judge.evaluation_pairs_per_user > 0
    return True


def _has_run(warehouse: Warehouse, catalog: str, stage: str) -> bool:
    if stage == "ingest":
        return bool(warehouse.value("queries/count_active_items", catalog=catalog))
    if stage in OUTPUTS:
        return warehouse.value("queries/latest_output", catalog=catalog, stage=OUTPUTS[stage]) is not None
    return warehouse.value("queries/active_fingerprint", catalog=catalog, task=LABELS[stage]) is not None


def _facts(warehouse: Warehouse, context: StepContext) -> dict[str, str]:
    catalog = context.catalog
    n_items = warehouse.value("queries/count_active_items", catalog=catalog.name)
    users = warehouse.query("queries/active_users", user_space=catalog.user_space)
    return {
        "catalog": f"`{catalog.name}`, {n_items} items, {users.height} users, as of {context.as_of}",
        "nightjar": context.code_version,
    }
