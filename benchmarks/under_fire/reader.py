"""A reader of the published data, as another team would write one: in a loop, whatever happens, it wants a whole run.

    python -m benchmarks.under_fire.reader PUBLISHED REPORT.json --pause 0.02 --hold 0

Reads latest.json, the manifest that it names, and every file of it; counts a read as torn when anything does not fit.
Knows nothing of Nightjar but docs/contract.md: json, hashlib and pyarrow. Writes its counts until it is terminated.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq


class TornError(Exception):
    """What was read is no complete run."""


def read_once(published: Path, *, hold_s: float = 0.0) -> tuple[str, int]:
    """Read all that `latest` names now; (its id, bytes read). hold_s: wait between manifest and files, as slow readers do.

    Raises TornError, or OSError where a file is gone.
    """
    pointer = json.loads((published / "latest.json").read_text(encoding="utf-8"))
    text = (published / pointer["manifest"]).read_bytes()
    if hashlib.sha256(text).hexdigest() != pointer["manifest_sha256"]:
        raise TornError(f"the manifest of {pointer['publication']} is not the one that latest.json names")
    manifest = json.loads(text)
    time.sleep(hold_s)
    n_bytes = sum(read_table(published, name, table) for name, table in manifest["tables"].items())
    return str(pointer["publication"]), n_bytes


def read_table(published: Path, name: str, table: dict[str, Any]) -> int:
    """Every file of a table against its entry; bytes read."""
    n_rows = n_bytes = 0
    for entry in table["files"]:
        content = (published / entry["path"]).read_bytes()
        if len(content) != entry["bytes"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise TornError(f"{entry['path']} is not what its manifest says")
        rows = pq.read_table(io.BytesIO(content))
        if rows.num_rows != entry["rows"]:
            raise TornError(f"{entry['path']} has {rows.num_rows} rows, its manifest says {entry['rows']}")
        if name == "recommendations":
            check_lists(rows, entry["path"])
        n_rows, n_bytes = n_rows + rows.num_rows, n_bytes + len(content)
    if n_rows != table["rows"]:
        raise TornError(f"table {name} has {n_rows} rows, its manifest says {table['rows']}")
    return n_bytes


def check_lists(rows: Any, path: str) -> None:
    """Every user's list is whole: ranks from 1 without a gap, of one day."""
    lists = rows.group_by("user_id").aggregate([("rank", "min"), ("rank", "max"), ("rank", "count")])
    is_whole = pc.and_(pc.equal(lists["rank_min"], 1), pc.equal(lists["rank_max"], lists["rank_count"]))
    if not lists.num_rows or not pc.all(is_whole).as_py() or len(pc.unique(rows["as_of"])) != 1:
        raise TornError(f"{path} holds lists that are not whole")


def main() -> None:
    """Read until a signal says to end, and keep the counts on disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("published", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two reads")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds between the manifest and its files")
    given = parser.parse_args()
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    seen: Counter[str] = Counter()
    counts: dict[str, Any] = {"reads": 0, "torn": 0, "bytes": 0, "faults": [], "publications": seen}
    written = 0.0
    while not ended:
        if (given.published / "latest.json").exists():
            try:
                publication, n_bytes = read_once(given.published, hold_s=given.hold)
                counts["reads"] += 1
                counts["bytes"] += n_bytes
                seen[publication] += 1
            except (TornError, OSError, ValueError, KeyError) as error:
                counts["torn"] += 1
                counts["faults"].append(f"{time.time():.3f} {error!r}"[:300])
        if time.monotonic() - written > 1:
            write(given.report, counts)
            written = time.monotonic()
        time.sleep(given.pause)
    write(given.report, counts)


def write(path: Path, counts: dict[str, Any]) -> None:
    """In one step, for the driver looks at it meanwhile."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(counts), encoding="utf-8")
    os.replace(fresh, path)


if __name__ == "__main__":
    main()
