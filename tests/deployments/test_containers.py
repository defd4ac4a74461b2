"""What a team starts: image, compose file and service name only what exists. They can't be started here."""

from __future__ import annotations

import fnmatch
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.settings import PREFIX, Settings
from tests.test_docs import parse

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
UNIT = (FOLDER / "nightjar.service").read_text(encoding="utf-8")
IGNORED = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()


def instructions() -> Iterator[tuple[str, str]]:
    """(instruction, its words) of the Dockerfile, with continued lines put together."""
    plain = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    for line in plain.splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def settings_of(text: str) -> set[str]:
    return set(re.findall(rf"\b({PREFIX}[A-Z_]+)\b", text))


def unit_values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_image_copies_what_exists_and_what_is_not_ignored() -> None:
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    assert len(copied) > 8
    assert not [source for source in copied if not (ROOT / source).exists()]
    kept = [line[1:] for line in IGNORED if line.startswith("!")]
    assert sorted(kept) == sorted(copied)


def test_image_holds_every_package_of_the_wheel() -> None:
    """A folder that the build wants and that is not copied would be missing without an error."""
    wanted = re.search(r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted
    patterns = re.findall(r'"(.*?)"', wanted[1])
    copied = [rest.split()[0] for name, rest in instructions() if name == "COPY" and rest.split()[-1].startswith("./")]
    assert not [pattern for pattern in patterns if not fnmatch.filter(copied, pattern)]


def test_image_runs_without_rights_and_without_a_network_for_models() -> None:
    assert [rest for name, rest in instructions() if name == "USER"] == ["nightjar"]
    assert "HF_HUB_OFFLINE=1" in DOCKERFILE
    assert "--requirement requirements.lock" in DOCKERFILE
    assert "HEALTHCHECK" in dict(instructions())


def test_command_of_the_image_is_one_of_ours() -> None:
    words = [word for name, rest in instructions() if name in ("ENTRYPOINT", "CMD") for word in yaml.safe_load(rest)]
    assert words[0] == "nightjar"
    parse(words[1:])
    ports = next(rest for name, rest in instructions() if name == "EXPOSE").split()
    assert all(port in words for port in ports)
    health = next(rest for name, rest in instructions() if name == "HEALTHCHECK")
    assert f"'127.0.0.1', {words[words.index('--pages-port') + 1]}" in health


def test_compose_file_names_what_exists() -> None:
    assert set(COMPOSE["services"]) == {"server", "worker"}
    build = COMPOSE["services"]["worker"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()
    named = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])


def test_commands_of_the_compose_file_are_ours_and_prefects() -> None:
    parse(COMPOSE["services"]["worker"]["command"])
    server = COMPOSE["services"]["server"]["entrypoint"]
    assert server[:3] == ["prefect", "server", "start"]
    assert COMPOSE["services"]["worker"]["environment"]["PREFECT_API_URL"] == "http://server:4200/api"
    assert server[server.index("--port") + 1] == "4200"


def test_pages_and_server_are_open_to_this_machine_alone() -> None:
    """Prefect's server asks nobody who they are."""
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_down() -> None:
    for text in (DOCKERFILE, UNIT, (FOLDER / "compose.yaml").read_text(encoding="utf-8")):
        assert not re.search(r"(?i)(api_key|password|secret|token)\s*[=:]\s*\S", text)
    assert COMPOSE["services"]["worker"]["env_file"] == [".env"]


def test_every_setting_that_is_named_exists() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = (
        settings_of(DOCKERFILE) | settings_of(UNIT) | settings_of((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    )
    assert named
    assert named <= known


def test_service_starts_a_command_of_ours() -> None:
    [start] = unit_values("ExecStart")
    words = shlex.split(start)
    assert words[0].endswith("/.venv/bin/nightjar")
    parse(words[1:])
    [folder] = unit_values("WorkingDirectory")
    assert unit_values("ReadWritePaths") == [f"{folder}/warehouse"]
    assert unit_values("User") == ["nightjar"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_service_is_accepted_by_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "nightjar.service"
    unit.write_text(re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", UNIT, flags=re.MULTILINE), encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    broken = tmp_path / "broken.service"
    broken.write_text(unit.read_text(encoding="utf-8").replace("Restart=always", "Restart=sometimes"), encoding="utf-8")
    assert subprocess.run(
        ["systemd-analyze", "verify", str(broken)], capture_output=True, text=True, check=False
    ).stderr
