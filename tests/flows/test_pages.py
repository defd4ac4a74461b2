"""The server of pages: what a browser may read of a warehouse, and what not."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.pages import show_pages


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "one.html").write_text("<h1>One</h1>", encoding="utf-8")
    (tmp_path / "nightjar.duckdb").write_text("secret", encoding="utf-8")
    (tmp_path / "reports-of-others").mkdir()
    (tmp_path / "reports" / "out.html").symlink_to(tmp_path / "nightjar.duckdb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with show_pages(tmp_path, host="127.0.0.1", port=port):
        yield port


def ask(port: int, path: str, method: str = "GET") -> http.client.HTTPResponse:
    """The answer to a path as it is, without the tidying of a browser."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    return connection.getresponse()


def test_page_is_shown_and_kept_to_itself(port: int) -> None:
    answer = ask(port, "/reports/one.html")
    assert (answer.status, answer.read()) == (200, b"<h1>One</h1>")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "connect-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/nightjar.duckdb", "/reports/../nightjar.duckdb", "/reports/%2e%2e/nightjar.duckdb", "/reports/out.html",
        "//nightjar.duckdb", "/reports-of-others/", "/../../etc/passwd", "/reports/none.html",
    ],
)  # fmt: skip
def test_whatever_is_no_page_is_not_found(port: int, path: str) -> None:
    assert ask(port, path).status == 404


def test_nothing_can_be_written(port: int) -> None:
    assert ask(port, "/reports/one.html", "PUT").status == 501
    assert ask(port, "/reports/one.html", "DELETE").status == 501
