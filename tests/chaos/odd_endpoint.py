"""An engine that asks a loopback server whatever that sends, with a key that nobody else may learn."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from tasks.llm.engine import Engine
from tasks.llm.form import Outcome
from tasks.llm.types import Endpoint
from tests.chaos.endpoints_server import RawServer
from tests.llm.shouting import ShoutForm, numbered

KEY = "sk-very-secret-4711"


def endpoint_of(server: RawServer, **values: Any) -> Endpoint:
    """The server as an endpoint that is asked twice at most."""
    quick = {"backoff_seconds": 0.001, "timeout_seconds": 5, "max_attempts": 2}
    return Endpoint.model_validate({"name": "odd", "model": "m", "base_url": server.url, **quick, **values})


def ask(server: RawServer, n: int = 1, **values: Any) -> list[Outcome[str, str]]:
    """Ask it to shout n words."""
    return list(Engine(endpoint_of(server, **values), api_key=SecretStr(KEY)).ask(ShoutForm(), numbered(n)))
