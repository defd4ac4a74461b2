"""The endpoint "fake": a provider of the package itself, served on loopback for the life of the process.

One server for each seed and order of faults, started when it is first asked for; its threads end with the process.
"""

from __future__ import annotations

import difflib
import json
import threading
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tasks.contracts.errors import ConfigError
from tasks.llm.fake.faults import Faults
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer

_servers: dict[str, LoopbackServer] = {}
_starting = threading.Lock()


def fake_url(*, seed: int, faults: Mapping[str, Any]) -> str:
    """The base URL of the server for a seed and faults. Raises ConfigError that names a fault that does not exist."""
    ordered = _check_faults(faults)
    key = json.dumps([seed, ordered.model_dump(mode="json")], sort_keys=True)
    with _starting:
        if key not in _servers:
            _servers[key] = LoopbackServer(FakeProvider(seed=seed, faults=ordered)).__enter__()
        return _servers[key].url


def _check_faults(faults: Mapping[str, Any]) -> Faults:
    try:
        return Faults.model_validate(faults)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] != "extra_forbidden":
            raise ConfigError(
                f"endpoints.fake.faults.{name}: {problem['msg']} (got {problem['input']!r:.80})"
            ) from error
        near = difflib.get_close_matches(name, list(Faults.model_fields), n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(Faults.model_fields)}"
        raise ConfigError(f"endpoints.fake.faults: unknown fault {name!r}; {mend}") from error
