"""The Prefect server of `nightjar serve`: how it is found, and what is refused before one is started."""

from __future__ import annotations

import fcntl
import socket
from pathlib import Path

import pytest

from flows.prefect_server import LOCK, own_server, refuse_busy_port, running_server
from tasks.contracts.errors import ConfigError, StepError


def test_server_is_found_only_while_somebody_holds_its_lock(tmp_path: Path) -> None:
    assert running_server(tmp_path) is None
    (tmp_path / LOCK).write_text("http://127.0.0.1:4200/api", encoding="utf-8")
    assert running_server(tmp_path) is None, "the server of a process that was killed is no server"
    with (tmp_path / LOCK).open("a+", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert running_server(tmp_path) == "http://127.0.0.1:4200/api"


def test_second_server_for_a_home_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("http://127.0.0.1:4200/api", encoding="utf-8")
    with (tmp_path / LOCK).open("a+", encoding="utf-8") as held, socket.socket() as probe:
        fcntl.flock(held, fcntl.LOCK_EX)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with pytest.raises(ConfigError, match="runs already at http://127.0.0.1:4200/api; stop it, or use that one"):
            own_server(tmp_path, host="127.0.0.1", port=port).__enter__()


def test_busy_port_is_refused_with_the_option_that_mends_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 can't be had .*; say another with --port"):
            refuse_busy_port("127.0.0.1", port)


def test_server_that_does_not_come_up_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.prefect_server.sys.executable", "/bin/false")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(StepError, match="the Prefect server did not come up; the end of .*server.log': empty"):
        own_server(tmp_path, host="127.0.0.1", port=port).__enter__()
    assert running_server(tmp_path) is None
