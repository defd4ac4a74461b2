"""Fixtures: one LiteLLM proxy for all tests here, and a small catalog whose labelers ask it by named endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.conftest import nightjar
from tests.litellm.proxy import COMMAND, MASTER_KEY, LiteLLM
from tests.night import SmallCatalog
from tests.tasks.conftest import catalog, embedder, nights

__all__ = ["catalog", "embedder", "nightjar", "nights"]

KEY_VARIABLE = "LITELLM_KEY"


@pytest.fixture(scope="session")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLM]:
    """The proxy, which may not answer yet; without its environment the test is skipped."""
    if not COMMAND.exists():
        pytest.skip("there is no .venv-litellm; say `make litellm` first")
    with LiteLLM(tmp_path_factory.mktemp("litellm")) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def prefect_server(starting: LiteLLM, prefect_server: None) -> None:
    """The server of tests/conftest.py, which comes up while the proxy does."""


@pytest.fixture(scope="session")
def litellm(starting: LiteLLM) -> LiteLLM:
    """The proxy, ready."""
    starting.wait()
    return starting


@dataclass
class Asking:
    """Who asks whom: writes nightjar.toml, and the labelers into the catalog. Prices: 1 and 2 dollars a million."""

    folder: Path
    catalog: SmallCatalog
    url: str
    patched: pytest.MonkeyPatch

    def endpoints(self, *models: str, key: str = MASTER_KEY, **values: object) -> None:
        """Describe an endpoint named for each model, with one question a request; values are more of its settings."""
        self.patched.setenv(KEY_VARIABLE, key)
        more = "".join(f"{name} = {value}\n" for name, value in values.items())
        tables = [
            f'[endpoints.{model}]\nmodel = "{model}"\nbase_url = "{self.url}"\napi_key_env = "{KEY_VARIABLE}"\n'
            f"price_in = 1.0\nprice_out = 2.0\nquestions_per_request = 1\n{more}"
            for model in models
        ]
        (self.folder / "nightjar.toml").write_text("\n".join(tables), encoding="utf-8")

    def labelers(self, **models: str) -> None:
        """Which model answers which task; the embedded labeler answers the others. Every topic may be the same."""
        chosen = dict.fromkeys(("enrich", "topics", "similar", "judge"), "embedded")
        chosen |= {task: f"openai:{model}" for task, model in models.items()}
        lines = "\n".join(f'{task} = "{labeler}"' for task, labeler in chosen.items())
        self.catalog.more = f"[labelers]\n{lines}\n[gates]\nmax_topic_share = 1.0"


@pytest.fixture
def asking(litellm: LiteLLM, tmp_path: Path, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """The catalog and the settings of this test, with the proxy's address; commands run where nightjar.toml lies."""
    monkeypatch.chdir(tmp_path)
    return Asking(tmp_path, catalog, litellm.url, monkeypatch)
