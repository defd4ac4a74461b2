"""The fake provider as a process of its own: `python -m tasks.llm.fake --port 8080 --faults '{"latency_seconds": 0.2}'`.

Prints one line with its URL when it is ready, and serves until it is interrupted or terminated.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tasks.llm.fake.faults import Faults
from tasks.llm.fake.ledger import JsonlLog
from tasks.llm.fake.provider import FakeProvider
from tasks.llm.fake.server import LoopbackServer


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal says to end."""
    parser = argparse.ArgumentParser(prog="python -m tasks.llm.fake", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other answers and other faults")
    parser.add_argument("--faults", default="{}", help="the fields of Faults that differ, as JSON")
    parser.add_argument("--log", type=Path, default=None, help="append a line of JSON per request to this file")
    chosen = parser.parse_args(arguments)
    try:
        faults = Faults.model_validate_json(chosen.faults)
    except ValidationError as error:
        parser.error(f"--faults: {error}")
    log = JsonlLog(chosen.log) if chosen.log else None
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with LoopbackServer(FakeProvider(chosen.seed, faults, log), port=chosen.port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        ended.wait()
    if log is not None:
        log.close()


if __name__ == "__main__":
    main()
