"""A Prefect server of one's own for `nightjar serve`, with its records in the warehouse's folder, and how others find it.

Knows nothing of Prefect but its command line and its address: it must run before Prefect is imported, which reads the
address then. Reads and writes `<home>/server.lock`, which is locked while the server lives and holds its address.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tasks.contracts.errors import ConfigError, StepError

LOCK = "server.lock"
LOG = "server.log"
START_SECONDS = 120.0
STOP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_PWD$|_AUTH$", re.IGNORECASE)


@contextmanager
def own_server(home: Path, *, host: str, port: int, secrets: Collection[str] = ()) -> Iterator[str]:
    """Start a server, wait until it answers, give the address of its API, and stop it at the end.

    secrets are variables of the environment that the server does not get, beside those whose name says what they are.
    Raises ConfigError if the port or the home is in use, StepError if the server does not come up.
    """
    home.mkdir(parents=True, exist_ok=True)
    refuse_busy_port(host, port)
    address = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}"
    with (home / LOCK).open("a+", encoding="utf-8") as lock:
        if not _take(lock):
            raise ConfigError(f"a server for {str(home)!r} runs already at {_read(lock)}; stop it, or use that one")
        process = _start(home, host=host, port=port, secrets=secrets)
        try:
            _await_health(process, f"{address}/api/health", log=home / LOG)
            _write(lock, f"{address}/api")
            yield f"{address}/api"
        finally:
            _write(lock, "")
            _stop(process)


def running_server(home: Path) -> str | None:
    """The API's address of the server that `nightjar serve` runs for this home now, or None."""
    path = home / LOCK
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as lock:
        return None if _take(lock) else _read(lock) or None


def refuse_busy_port(host: str, port: int) -> None:
    """Raises ConfigError if something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} of {host} can't be had ({error.strerror}); say another with --port"
            ) from error


def without_secrets(environment: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The variables that a process needs which asks no model, sends no mail and publishes nothing.

    What Prefect's own settings hold (PREFECT_...) it must have; keys, tokens and passwords of others it has no use for.
    """
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PREFECT_") or not (name in secrets or _SECRET.search(name))
    }


def _start(home: Path, *, host: str, port: int, secrets: Collection[str]) -> subprocess.Popen[bytes]:
    environment = {
        **without_secrets(os.environ, secrets),
        "PREFECT_HOME": str(home),
        # The page asks the address from which it came, whatever name the browser knows it by.
        "PREFECT_SERVER_UI_API_URL": os.environ.get("PREFECT_SERVER_UI_API_URL", "/api"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    }
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    with (home / LOG).open("wb") as log:
        # A session of its own: Ctrl-C is for us, who stop it last, when the flow runs have told it how they ended.
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
        )


def _die_with_parent() -> None:
    """On Linux a server doesn't outlive a `nightjar serve` that was killed, and so doesn't keep the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_health(process: subprocess.Popen[bytes], url: str, *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    _stop(process)
    told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise StepError(f"the Prefect server did not come up; the end of {str(log)!r}: {' / '.join(told[-5:]) or 'empty'}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read().strip()


def _write(lock: IO[str], text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()
