"""Small disks to fill and to write-protect: a tmpfs each, where this process may mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, mb: int) -> Iterator[Path]:
    """A disk of its own under `folder`, gone at the end. Skips the test where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip() or mounted.stdout.strip()}")
    try:
        yield folder
    finally:
        # Lazily, for a process that a test left may still look at it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def write_protected(disk: Path) -> Iterator[None]:
    """Let nobody write to the disk, not even root."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
