"""Shows the pages of a warehouse to a browser: reports, Data Docs, label reports. Read-only, and nothing else of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

FOLDERS = ("reports", "data_docs", "label_report")
# The pages hold all that they need; whatever else a text might ask for is not fetched, and nothing is sent anywhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline' 'self'; script-src 'unsafe-inline' 'self' blob:;" \
    " img-src 'self' data: blob:; font-src 'self' data:; worker-src blob:; connect-src 'none'; form-action 'none'"  # fmt: skip


@contextmanager
def show_pages(folder: Path, *, host: str, port: int) -> Iterator[None]:
    """Serve the pages of the warehouse in `folder` in a thread of this process."""
    server = ThreadingHTTPServer((host, port), partial(_Handler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    """GET and HEAD below FOLDERS."""

    def send_head(self) -> BinaryIO | None:
        # Asked of the file that would be read, after all dots and links: "reports/../nightjar.duckdb" is none of ours.
        asked, folder = Path(self.translate_path(self.path)).resolve(), Path(self.directory).resolve()
        if not any(asked.is_relative_to(folder / name) for name in FOLDERS):
            self.send_error(HTTPStatus.NOT_FOUND, f"known are {', '.join(FOLDERS)}")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """With what keeps a page to itself."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what a browser asks for is no news."""
