"""Whether `kill -9` can cut a write in two: what DuckDB's blocks of metadata, written again in place, risk on a file system.

    python -m benchmarks.torn_writes FOLDER [FOLDER ...] [--kills 3000] [--output PAGE]

A process writes a block of 256 kB over and over at one place, all of one letter and then all of another, and is killed at a
random moment, which is nearly always within a write. A block that then holds both letters is torn. Some 15 s a folder.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

BLOCK = 262_144
SHORTEST_S, LONGEST_S = 0.002, 0.005


def count_torn(folder: Path, n_kills: int, chance: random.Random) -> int:
    """Of n_kills blocks in a file of this folder, those that held two letters after the kill."""
    n_torn = 0
    with tempfile.TemporaryFile(dir=folder) as file:
        place = file.fileno()
        os.pwrite(place, b"a" * BLOCK, 0)
        for _ in range(n_kills):
            child = os.fork()
            if child == 0:
                _write_for_ever(place)
            time.sleep(chance.uniform(SHORTEST_S, LONGEST_S))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            n_torn += len(set(os.pread(place, BLOCK, 0))) > 1
    return n_torn


def _write_for_ever(place: int) -> None:
    letters = (b"a" * BLOCK, b"b" * BLOCK)
    while True:
        for letter in letters:
            os.pwrite(place, letter, 0)


def main() -> None:
    """Try each folder and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--kills", type=int, default=3000)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/torn_writes.md"))
    given = parser.parse_args()
    chance, rows = random.Random(1), ""
    for folder in given.folders:
        asked = ["stat", "--file-system", "--format", "%T", str(folder)]
        kind = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        rows += f"| {kind} | {given.kills} | {count_torn(folder, given.kills, chance)} |\n"
    page = (
        "# Writes that a kill cuts in two\n\n"
        f"`python -m benchmarks.torn_writes FOLDER ...`, Linux {platform.release().partition('-')[0]}: a block of 256 kB,"
        " written in place, and `kill -9` at a random moment.\n\n| file system | kills | torn blocks |\n|---|---|---|\n"
        + rows
    )
    given.output.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
