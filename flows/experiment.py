"""What `nightjar experiment` does: runs the stages that the experiment lacks, the experiment, and says where its page lies."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import get_args

from flows.console import out
from flows.request import RunRequest
from flows.settings import load_settings
from flows.stage import load_catalogs, make_context
from tasks.contracts.errors import ConfigError
from tasks.experiment import EXPERIMENTS, ExperimentName, missing_stages, run_experiment, write_experiment


def print_experiment(request: RunRequest, name: str, *, folder: Path, command: str) -> None:
    """Write <folder>/<name>.md about every catalog of the request. Raises ConfigError for an unknown experiment."""
    if name not in get_args(ExperimentName):
        raise ConfigError(f"unknown experiment {name!r}; expected one of {', '.join(EXPERIMENTS)}")
    chosen: ExperimentName = name  # type: ignore[assignment]  # checked in the line above
    settings = load_settings(warehouse=request.warehouse)
    parts = []
    for file, catalog in load_catalogs(request, settings):
        context = make_context(request, settings, file, catalog)
        alone = request.model_copy(update={"catalogs": (file,), "parameters": dict(catalog.parameters)})
        for stage in missing_stages(context, chosen):
            out.print(f"{catalog.name}: stage {stage} has not run yet; running it", markup=False, style="dim")
            getattr(importlib.import_module(f"flows.{stage}"), f"{stage}_flow")(alone)
        parts.append(run_experiment(context, chosen))
        for verdict in parts[-1].findings.verdicts:
            out.print(f"{catalog.name}: {verdict}", markup=False)
    for path in write_experiment(chosen, parts, command=command, folder=folder):
        out.print(str(path), markup=False, soft_wrap=True)
