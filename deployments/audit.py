"""Asks whether faults are known in the pinned versions: python deployments/audit.py [--strict]  (or: make audit)

pip-audit, in an environment of its own that is removed again, asks a public list of known faults. Where it can't be
installed, or the list does not answer for these pins, that is said, and nothing was audited: never "no faults known". A
finding is told and does not fail the build, since one can be published on any day; --strict makes it fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

AUDITOR = "pip-audit==2.10.1"
FILES = ("requirements.lock", "requirements-torch.lock")
SECONDS = 240


def find_faults(file: str, program: Path) -> list[dict[str, Any]] | None:
    """The auditor's rows of one file; None where it could not ask."""
    command = [str(program), "--requirement", file, "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    try:
        asked = subprocess.run(
            [*command, "--format", "json", "--timeout", "10"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        rows: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return rows


def tell(file: str, rows: Sequence[dict[str, Any]] | None) -> bool:
    """Say what was found; whether there is a fault."""
    audited = [row for row in rows or () if "vulns" in row]
    if not audited:
        print(f"{file}: NOT audited: no list of known faults answers here")
        return False
    faulty = [row for row in audited if row["vulns"]]
    print(f"{file}: {len(audited)} of {len(rows or ())} pins audited, {len(faulty)} with known faults")
    for row in faulty:
        for fault in row["vulns"]:
            mend = ", ".join(fault.get("fix_versions") or ()) or "no version yet"
            print(f"  {row['name']} {row['version']}: {fault['id']}; mended in {mend}")
    return bool(faulty)


def main(words: Sequence[str]) -> int:
    """Audit each file; the exit code."""
    with tempfile.TemporaryDirectory(prefix="nightjar-audit-") as folder:
        venv.create(folder, with_pip=True)
        command = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--retries", "0", AUDITOR]
        try:
            made = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            made = False
        if not made:
            print(f"the pins are NOT audited: {AUDITOR} can't be installed here; is there a network?")
            return 0
        faulty = [tell(file, find_faults(file, Path(folder) / "bin" / "pip-audit")) for file in FILES]
    return 1 if any(faulty) and "--strict" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
