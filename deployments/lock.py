"""Writes the hashes of every pin into a lock file: python deployments/lock.py requirements.lock ...  (or: make lock)

A line `name==version` gets the sha256 of each file that pip would choose for it: on this machine, and for the other
platforms and versions of Python below; what there is no wheel for is named. A pin whose file carries no hash from its
index is refused. A pin that has hashes keeps them: where you change a version, delete its hashes, or say --all. Only pip
asks for anything, wherever it is configured to ask, and no version changes. Torch has a file of its own, without hashes:
its builds differ by platform and source under one version. Needs a network; seconds a new pin, many minutes for all.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PYTHONS = ("3.11", "3.12", "3.13")
GLIBC_X86 = (34, 28, 27, 24, 17, 5)
GLIBC_ARM = (34, 31, 28, 27, 24, 17)
PLATFORMS: dict[str, tuple[str, ...]] = {
    "Linux on x86-64": (*(f"manylinux_2_{minor}_x86_64" for minor in GLIBC_X86), "manylinux2014_x86_64"),
    "Linux on ARM": (*(f"manylinux_2_{minor}_aarch64" for minor in GLIBC_ARM), "manylinux2014_aarch64"),
    "macOS on ARM": (*(f"macosx_{major}_0_arm64" for major in (14, 13, 12, 11)), "macosx_10_9_universal2"),
}
ABSENT = re.compile(r"No matching distribution found for (?P<name>[A-Za-z0-9._-]+)==")


def read_pins(text: str) -> dict[str, str]:
    """The versions in a lock file, by name; raises SystemExit for a name that stands there twice."""
    found = [(match["name"], match["version"]) for match in PIN.finditer(text)]
    names = [normal(name) for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SystemExit(f"{twice[0]} is pinned twice; leave one")
    return dict(found)


def normal(name: str) -> str:
    """A name as packages are compared by."""
    return re.sub(r"[-_.]+", "-", name).lower()


def render(pins: dict[str, str], hashes: dict[str, set[str]]) -> str:
    """The lock file, by name."""
    blocks = []
    for name in sorted(pins, key=normal):
        lines = [f"{name}=={pins[name]}", *(f"--hash=sha256:{digest}" for digest in sorted(hashes[normal(name)]))]
        blocks.append(" \\\n    ".join(lines))
    return "\n".join(blocks) + "\n"


def find_hashes(pins: dict[str, str]) -> dict[str, set[str]]:
    """The hashes of every pin's files, by normal name."""
    here = ask_pip(pins, [])
    found = {name: {digest} for name, (digest, _) in here.items()}
    if missing := sorted({normal(name) for name in pins} - found.keys()):
        raise SystemExit(f"pip gives no hash for {', '.join(missing)}")
    # Of a wheel for any platform there is only one.
    special = {name: version for name, version in pins.items() if not here[normal(name)][1].endswith("-none-any.whl")}
    for platform, tags in PLATFORMS.items():
        for python in PYTHONS:
            words = ["--python-version", python, "--only-binary=:all:"]
            words += [word for tag in tags for word in ("--platform", tag)]
            for name, (digest, _) in ask_pip(special, words, where=f"{platform}, Python {python}").items():
                found[name].add(digest)
    return found


def ask_pip(pins: dict[str, str], words: Sequence[str], *, where: str = "") -> dict[str, tuple[str, str]]:
    """Hash and file name of what pip would install, by normal name; what there is no file for is named and left out."""
    left = dict(pins)
    with tempfile.TemporaryDirectory(prefix="nightjar-lock-") as folder:
        report = Path(folder) / "report.json"
        target = ["--target", folder] if words else []
        while left:
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--dry-run",
                "--ignore-installed",
                "--no-deps",
                "--quiet",
            ]
            command += ["--disable-pip-version-check", "--report", str(report), *target, *words]
            asked = subprocess.run([*command, *_lines(left)], capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                break
            absent = ABSENT.search(asked.stderr)
            if absent is None or not where:
                raise SystemExit(asked.stderr.strip() or f"pip failed with {asked.returncode}")
            print(f"{where}: no wheel of {absent['name']}")
            left = {name: version for name, version in left.items() if normal(name) != normal(absent["name"])}
        rows = json.loads(report.read_text())["install"] if left else []
    found = {}
    for row in rows:
        info = row["download_info"]
        digest = info.get("archive_info", {}).get("hashes", {}).get("sha256")
        if digest:
            found[normal(row["metadata"]["name"])] = (digest, info["url"].rsplit("/", 1)[-1])
    return found


def _lines(pins: dict[str, str]) -> Iterable[str]:
    return [f"{name}=={version}" for name, version in pins.items()]


def read_hashes(text: str) -> dict[str, set[str]]:
    """The hashes that a lock file holds already, by normal name; {} for a pin without any."""
    known: dict[str, set[str]] = {}
    for block in re.split(r"(?m)^(?=[A-Za-z0-9])", text):
        if match := PIN.match(block):
            known[normal(match["name"])] = set(re.findall(r"sha256:([0-9a-f]{64})", block))
    return known


def main(words: Sequence[str]) -> None:
    """Write the hashes into each file; those of pins that have some stay, unless --all is said."""
    for file in [word for word in words if word != "--all"] or ["requirements.lock"]:
        path = Path(file)
        pins = read_pins(path.read_text())
        known = (
            {} if "--all" in words else {name: found for name, found in read_hashes(path.read_text()).items() if found}
        )
        fresh = {name: version for name, version in pins.items() if normal(name) not in known}
        text = render(pins, known | (find_hashes(fresh) if fresh else {}))
        path.write_text(text)
        print(f"{file}: {len(pins)} pins, {len(fresh)} of them asked for, {len(HASH.findall(text))} hashes")


if __name__ == "__main__":
    main(sys.argv[1:])
