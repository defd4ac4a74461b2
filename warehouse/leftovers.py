"""What a dead process left half written, anywhere in the warehouse's folder; swept when the next run starts.

Nothing reads these files: each part is written under another name and then moved in place. Without a sweep they would
only take room, for ever where no later run writes the same name.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from warehouse.publication.retention import sweep_publications
from warehouse.shards import PARTIAL, sweep

PATTERNS = (f"models/*/*{PARTIAL}", f"reports/.*{PARTIAL}", f".*{PARTIAL}", "batches/*.part", "tmp/*")


def sweep_leftovers(folder: Path) -> list[Path]:
    """Remove half-written shards, publications, models, pages and batches, and DuckDB's scratch files; what was removed.

    The caller holds the run lock and has no database open.
    """
    runs = folder / "runs"
    names = [path.name for path in runs.iterdir()] if runs.is_dir() else []
    swept = sweep(runs, names)
    if (folder / "published").is_dir():
        swept += sweep_publications(folder / "published")
    for path in sorted({path for pattern in PATTERNS for path in folder.glob(pattern)}):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        swept.append(path)
    # An instance of DuckDB that finds its scratch folder when it ends has spilled, and is not kept for the next opening.
    with suppress(OSError):
        (folder / "tmp").rmdir()
    return swept
