"""Settings: where each value comes from, and what happens to a word that nobody knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.settings import Settings, load_settings
from tasks.contracts.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start from; what a `.env` adds to the environment is taken away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return tmp_path


def test_command_line_wins_over_environment_over_dotenv_over_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "nightjar.toml").write_text('model = "file"\n', encoding="utf-8")
    assert load_settings().model == "file"
    (folder / ".env").write_text("NIGHTJAR_MODEL=dotenv\n", encoding="utf-8")
    assert load_settings().model == "dotenv"
    monkeypatch.setenv("NIGHTJAR_MODEL", "environment")
    assert load_settings().model == "environment"
    assert load_settings(model="given").model == "given"
    assert load_settings(model=None).model == "environment"


def test_without_any_source_the_defaults_hold() -> None:
    assert load_settings().warehouse == Path("warehouse/data")
    assert load_settings().catalogs == ()


def test_unknown_key_of_the_file_names_the_nearest_known_one(folder: Path) -> None:
    (folder / "nightjar.toml").write_text('warehose = "here"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="settings: unknown key 'warehose'; did you mean 'warehouse'\\?"):
        load_settings()


def test_unknown_variable_names_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_WAREHOSE", "here")
    message = "unknown setting 'NIGHTJAR_WAREHOSE' in the environment; did you mean 'NIGHTJAR_WAREHOUSE'\\?"
    with pytest.raises(ConfigError, match=message):
        load_settings()


def test_unknown_variable_of_dotenv_is_refused_too(folder: Path) -> None:
    (folder / ".env").write_text("NIGHTJAR_MODELL=x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown setting 'NIGHTJAR_MODELL'.*'NIGHTJAR_MODEL'"):
        load_settings()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("threads = 0", "threads: Input should be greater than or equal to 1 \\(got 0\\)"),
        ("keep_publications = 1", "keep_publications: Input should be greater than or equal to 2"),
        ('price_in = "cheap"', "price_in: Input should be a valid number.*\\(got 'cheap'\\)"),
        ("threads = ", "settings: "),
    ],
)
def test_value_that_can_not_be_names_its_key(folder: Path, line: str, message: str) -> None:
    (folder / "nightjar.toml").write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_settings()


def test_key_is_read_from_the_variable_that_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_API_KEY_ENV", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "sk-secret")
    endpoint = load_settings().read_endpoints()["default"]
    assert endpoint.api_key is not None
    assert endpoint.api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(endpoint)
    assert "sk-secret" not in repr(load_settings())


def test_base_url_of_nightjar_wins_over_that_of_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://one/v1")
    assert load_settings().read_endpoints()["default"].base_url == "http://one/v1"
    monkeypatch.setenv("NIGHTJAR_BASE_URL", "http://two/v1")
    assert load_settings().read_endpoints()["default"].base_url == "http://two/v1"


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().threads = 3  # type: ignore[misc]


def test_example_file_holds_every_setting_and_is_valid(folder: Path) -> None:
    text = (Path(__file__).parents[2] / "nightjar.toml.example").read_text(encoding="utf-8")
    (folder / "nightjar.toml").write_text(text, encoding="utf-8")
    assert load_settings() == Settings()
    assert [name for name in Settings.model_fields if f"{name} =" not in text] == []
