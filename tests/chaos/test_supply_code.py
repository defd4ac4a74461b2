"""Nothing that is read back can run code, no process of ours gets a secret it has no use for, and the pins are complete."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.prefect_server import without_secrets
from flows.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("flows", "tasks", "warehouse", "deployments", "examples", "benchmarks")
# Modules whose readers run what they read, and calls that do unless they are told not to.
RUNS_CODE = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "jsonpickle"}
LOADERS = {"load": {"numpy", "np", "torch", "yaml"}, "read_pickle": {"pd", "pandas"}, "loads": {"torch"}}
HASHED = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s\\]+)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)$",
    re.MULTILINE,
)


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def calls_of(tree: ast.Module) -> Iterator[tuple[str, str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield "", node.func.id, node
            elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                yield node.func.value.id, node.func.attr, node


def test_no_module_of_ours_reads_what_could_run() -> None:
    found = []
    for path, tree in sources():
        found += [f"{path}: import {name}" for name in imports_of(tree) if name in RUNS_CODE]
        for owner, name, call in calls_of(tree):
            if not owner and name in ("eval", "exec", "compile"):
                found.append(f"{path}:{call.lineno}: {name}")
            words = {word.arg: word.value for word in call.keywords}
            is_loader = owner in LOADERS.get(name, ())
            allows = words.get("allow_pickle")
            if allows is not None and not (isinstance(allows, ast.Constant) and allows.value is False):
                found.append(f"{path}:{call.lineno}: allow_pickle")
            if is_loader and owner in ("torch", "yaml", "pd", "pandas"):
                found.append(f"{path}:{call.lineno}: {owner}.{name}")
    assert found == []


def test_no_shell_is_asked() -> None:
    found = []
    for path, tree in sources():
        for owner, name, call in calls_of(tree):
            words = {word.arg: word.value for word in call.keywords}
            if (owner == "os" and name in ("system", "popen")) or "shell" in words:
                found.append(f"{path}:{call.lineno}")
    assert found == []


# Who starts a process, and what it may know. A new one is to be looked at before it stands here.
STARTS = {
    "flows/prefect_server.py": "the server of `nightjar serve`: without_secrets",
    "flows/serve.py": "pgrep, which lists processes",
    "deployments/lock.py": "pip",
    "deployments/audit.py": "pip and pip-audit",
}


def test_every_process_that_is_started_is_known() -> None:
    found = set()
    for path, tree in sources():
        if path.relative_to(ROOT).parts[0] not in ("benchmarks", "examples") and "subprocess" in set(imports_of(tree)):
            found.add(path.relative_to(ROOT).as_posix())
    assert found == set(STARTS)


def test_server_gets_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from flows import prefect_server

    secrets = [
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "SMTP_PASSWORD",
        "DB_PASSWD",
        "X_CREDENTIALS",
        "OURS",
    ]
    for name in secrets:
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "needed")
    given: dict[str, str] = {}

    class Started:
        def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
            given.update(env)

    monkeypatch.setattr(prefect_server.subprocess, "Popen", Started)
    prefect_server._start(tmp_path, host="127.0.0.1", port=1, secrets=("OURS",))
    assert "hunter2" not in given.values()
    assert given["PREFECT_SERVER_API_AUTH_STRING"] == "needed"
    assert given["PATH"]
    assert without_secrets({"HOME": "/", "KEYBOARD": "de"}) == {"HOME": "/"}


def test_variables_named_in_the_settings_are_secret() -> None:
    settings = Settings.model_validate(
        {"api_key_env": "OURS", "endpoints": {"one": {"api_key_env": "THEIRS"}, "two": {"api_key_env": ""}}}
    )
    assert settings.secret_variables == {"OURS", "THEIRS"}


def pins(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return {
        normal(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", text, re.MULTILINE)
    }


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pin_has_a_hash_and_torch_stands_apart() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert HASHED.sub("", text).strip() == "", "a pin has no hash: make lock"
    assert {normal(match["name"]) for match in HASHED.finditer(text)} == pins("requirements.lock").keys()
    assert set(pins("requirements-torch.lock")) == {"torch"}
    assert "torch" not in pins("requirements.lock")
    assert "://" not in text + (ROOT / "requirements-torch.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("server", ["litellm", "labelstudio"])
def test_servers_of_tests_are_held_to_hashes_too(server: str) -> None:
    text = (ROOT / f"requirements-{server}.lock").read_text(encoding="utf-8")
    assert HASHED.sub("", text).strip() == "", "a pin has no hash: make lock"
    assert "://" not in text
    installed = rf"pip install .*--no-deps --require-hashes --requirement requirements-{server}\.lock"
    assert re.search(installed, (ROOT / "Makefile").read_text(encoding="utf-8"))


def test_every_dependency_is_pinned_and_the_pins_fit_one_another() -> None:
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.requirements import Requirement

    pinned = pins("requirements.lock") | pins("requirements-torch.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    missing = []
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [(Requirement(one), "nightjar") for one in wanted]
    while left:
        requirement, by = left.pop()
        name, extras = normal(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in pinned or not requirement.specifier.contains(pinned[name], prereleases=True):
            missing.append(f"{requirement} of {by}: {pinned.get(name, 'not pinned')}")
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            missing.append(f"{name} of {by} is not installed: make setup")
            continue
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                left.append((need, name))
    assert missing == []


@pytest.mark.parametrize("file", ["Makefile", "deployments/Dockerfile"])
def test_what_is_installed_is_held_to_its_hashes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(r"pip install .*--no-deps --require-hashes --requirement requirements\.lock", text)
    assert re.search(r"pip install .*--no-deps --requirement requirements-torch\.lock", text)
