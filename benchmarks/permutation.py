"""The label-permutation test: the ranker is trained on shuffled labels and must fall to a random order.

    python -m benchmarks.permutation --catalog FILE --warehouse DIR [--param NAME=VALUE] [--shuffles 10]

DIR is a warehouse in which the stage train has run for the catalog, under the same settings. Prints NDCG@10 of the ranker
and of a random order of the same candidates with the interval of the difference, stores it in quality_results (suite
permutation), and ends with code 3 when the interval is above zero. Seconds: as many trainings as shuffles.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tasks.contracts.catalog_file import load_catalog
from tasks.contracts.context import StepContext
from tasks.contracts.errors import GateFailedError
from tasks.permutation import check_permutation


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--warehouse", type=Path, required=True)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--shuffles", type=int, default=10)
    parser.add_argument("--as-of", type=date.fromisoformat, default=datetime.now(UTC).date())
    given = parser.parse_args(arguments)
    catalog = load_catalog(given.catalog, dict(pair.split("=", 1) for pair in given.param))
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-permutation"
    context = StepContext(run_id, catalog, given.warehouse, given.as_of, threads=os.cpu_count() or 1)
    try:
        found = check_permutation(context, n_shuffles=given.shuffles)
    except GateFailedError as error:
        print(error, file=sys.stderr)
        return 3
    print(
        f"{catalog.name}: NDCG@10 {found.ranker:.4f} with shuffled labels, {found.chance:.4f} at random; difference"
        f" {found.lead.mean:+.4f} [{found.lead.low:+.4f}, {found.lead.high:+.4f}] over {found.n_users} users and"
        f" {found.n_shuffles} shuffles"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
