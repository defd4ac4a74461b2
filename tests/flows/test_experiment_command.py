"""`nightjar experiment`: what it refuses, and the command that its page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.experiment_commands import describe_command
from flows.experiment import print_experiment
from flows.request import RunRequest
from tasks.contracts.errors import ConfigError


def test_shown_command_leaves_paths_of_this_machine_open() -> None:
    shown = describe_command(
        "retrieval", catalogs=[Path("examples/catalogs/bbc.toml")], params=["data=/home/me/data"], as_of="2026-11-01"
    )
    assert shown == (
        "nightjar experiment retrieval --catalog examples/catalogs/bbc.toml --param data=PATH --as-of 2026-11-01"
    )


def test_unknown_experiment_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    request = RunRequest(warehouse=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="unknown experiment 'magic'; expected one of retrieval"):
        print_experiment(request, "magic", folder=tmp_path, command="")
    assert not (tmp_path / "nowhere").exists()
