"""Digests as files to look at: <folder>/<space>/<user>.html, .txt and .eml, and an index.html. Readable by their owner alone.

Each file is written beside its place and moved, so that nobody sees half of one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from datetime import date
from pathlib import Path

from tasks.mailing.message import Letter
from tasks.mailing.render import Listed, render_index

MAX_LISTED = 1000
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def file_stem(user_id: str) -> str:
    """A file name for a user, whatever the id holds; no two ids share one, also where case does not count.

    >>> file_stem("u07"), file_stem("../Ana")
    ('u07', 'Ana~229dec4c04')
    """
    if _PLAIN.fullmatch(user_id):
        return user_id
    readable = re.sub(r"[^A-Za-z0-9]+", "-", user_id)[:40].strip("-") or "user"
    return f"{readable}~{hashlib.sha256(user_id.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


class DigestFolder:
    """A folder that digests are written to; remembers the first of them for its index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_written = 0
        self._listed: list[Listed] = []

    def write(self, letter: Letter, *, html: str, text: str, mail: bytes) -> None:
        """Write the three files of one digest, in the place of those that were there."""
        digest = letter.digest
        stem = f"{digest.user_space}/{file_stem(digest.user_id)}"
        place = self.folder / digest.user_space
        place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        contents = ((".html", html.encode()), (".txt", text.encode()), (".eml", mail))
        for ending, content in contents:
            _write_private(self.folder / f"{stem}{ending}", content)
        self.n_written += 1
        if len(self._listed) < MAX_LISTED:
            self._listed.append(Listed(stem, digest.user_id, digest.first.title, digest.n_picks))

    def write_index(self, day: date, *, title: str) -> Path | None:
        """The page that links them, those of an earlier run too; none where there is nothing to link."""
        known = {one.stem: one for one in self._listed}
        found = sorted(
            path.relative_to(self.folder).with_suffix("").as_posix() for path in self.folder.glob("*/*.html")
        )
        if not found:
            return None
        shown = [known.get(stem) or Listed(stem, stem.rpartition("/")[2], "of an earlier run", None) for stem in found]
        path = self.folder / "index.html"
        page = render_index(day, shown[:MAX_LISTED], title=title, n_written=len(found))
        _write_private(path, page.encode())
        return path


def sweep_days(folder: Path, today: date, *, keep: int) -> list[Path]:
    """Remove the folders of all but the last `keep` days before and with today; the folders removed."""
    old = [path for path in sorted(folder.glob("????-??-??")) if _age(path.name, today) >= keep]
    for path in old:
        shutil.rmtree(path)
    return old


def _age(name: str, today: date) -> int:
    try:
        return (today - date.fromisoformat(name)).days
    except ValueError:
        return -1


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
        file.write(content)
    os.replace(fresh, path)
