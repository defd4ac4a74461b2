"""How much memory this process has taken; apart from the flows, which import Prefect, for the commands that only look."""

from __future__ import annotations

import resource


def peak_rss_mb() -> float:
    """The highest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
