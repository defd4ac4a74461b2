"""The LiteLLM proxy as a process of its own on loopback, with models that answer the same to everything.

Writes its configuration and its log into a folder. Nothing it could want of the network is to be had: what it reads at
its start is in the package, and the way out is a closed port.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / ".venv-litellm" / "bin" / "litellm"
MASTER_KEY = "sk-master-5d2f0c7e91"
UPSTREAM_KEY = "sk-upstream-behind-the-proxy"
# Every answer also names a colour, which is what `nightjar doctor` asks for.
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "mock-enrich": {
        "summary": "A mock said so.",
        "themes": ["mockery"],
        "mood": "dry",
        "audience": "testers",
        "keywords": ["mock"],
        "confidence": 0.7,
    },
    "mock-topics": {"reason": "a mock chose", "topics": [{"topic": "space", "confidence": 0.9}]},
    "mock-similar": {"reason": "a mock compared", "is_similar": True, "probability": 0.8, "same_topic": True},
    "mock-judge": {"reason": "a mock weighed", "relevance": 2, "confidence": 0.6},
}
ERRORS: Mapping[str, Mapping[str, Any]] = {
    "mock-busy": {"mock_response": "litellm.RateLimitError"},
    "mock-broken": {"mock_response": "litellm.InternalServerError"},
    "mock-slow": {"mock_timeout": True, "timeout": 0.2},
    "mock-small": {"mock_response": "litellm.ContextWindowExceededError"},
    "mock-filter": {"mock_response": "Exception: content_filter_policy"},
    "mock-chatty": {"mock_response": "I would rather talk about the weather."},
}
# A model with a limit of its own, which LiteLLM states in headers.
PACED, PACED_REQUESTS_PER_MINUTE = "mock-paced", 600
# LiteLLM states these for every mock reply.
TOKENS_IN, TOKENS_OUT = 10, 20
WINDOW_SECONDS = 2
START_SECONDS = 120.0
STOP_SECONDS = 10.0
CLOSED_PORT = "http://127.0.0.1:9"
OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HTTP_PROXY": CLOSED_PORT,
    "HTTPS_PROXY": CLOSED_PORT,
    "NO_PROXY": "127.0.0.1",
}


@dataclass
class LiteLLM:
    """The proxy; a context that starts it, without waiting until it answers, and stops it at the end."""

    folder: Path
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def n_requests(self) -> int:
        """How many completions it has been asked for, by its own log."""
        return self._log.read_text(encoding="utf-8").count('"POST /v1/chat/completions ')

    @property
    def _log(self) -> Path:
        return self.folder / "litellm.log"

    def __enter__(self) -> Self:
        self.port = _free_port()
        (self.folder / "config.yaml").write_text(json.dumps(_config(), indent=1), encoding="utf-8")
        shutil.copy(Path(__file__).with_name("door.py"), self.folder)
        command = [str(COMMAND), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _environment(self) -> dict[str, str]:
        window = {"LITELLM_RATE_LIMIT_WINDOW_SIZE": str(WINDOW_SECONDS)}
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), **OFFLINE, **window}

    def wait(self) -> None:
        """Until the proxy answers; raises RuntimeError with the end of its log if it never does."""
        alive = f"http://127.0.0.1:{self.port}/health/liveliness"
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(alive, timeout=5) as response:
                    if response.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"LiteLLM did not start:\n{self._log.read_text(encoding='utf-8')[-3000:]}")


def _config() -> dict[str, Any]:
    """config.yaml; JSON is YAML."""
    mocks = {name: {"mock_response": _reply(answer)} for name, answer in ANSWERS.items()}
    mocks |= {PACED: {**mocks["mock-topics"], "rpm": PACED_REQUESTS_PER_MINUTE}} | ERRORS
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": UPSTREAM_KEY, **mock}}
            for name, mock in mocks.items()
        ],
        "general_settings": {
            "master_key": MASTER_KEY,
            "custom_auth": "door.open_door",
            "custom_auth_settings": {"mode": "auto"},
        },
        # A model that fails is not set aside, so that each error comes through as it is.
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"num_retries": 0, "telemetry": False},
    }


def _reply(answer: Mapping[str, Any]) -> str:
    return json.dumps({"answers": [{"number": 1, **answer, "colour": "blue"}]})


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
