"""Where OpenBLAS's first buffer would be refused, a stage fails with its line: it would wait for ever within the library."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

FIT = """
    import numpy as np
    from scipy import sparse
    from tasks.retrieval.ease import fit_ease
    choices = sparse.csr_matrix(np.eye(8, dtype=np.float32))
    work = lambda: fit_ease(choices, regularization=1.0, max_items=8).weights.shape
"""
DRAW = """
    import numpy as np
    from sklearn.decomposition import PCA
    from tasks.run_report.projection import project
    vectors = np.eye(8)
    work = lambda: project(vectors).shape
"""
RUN = """
    import resource, sys
    from pathlib import Path
    from warehouse.failures import explain_failure
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + int(sys.argv[1]), -1))
    try:
        print(work())
    except OSError as error:
        print(explain_failure(error))
"""


@pytest.mark.parametrize(("work", "done"), [(FIT, "(8, 8)"), (DRAW, "(8, 2)")])
@pytest.mark.parametrize("left", [1 << 16, 1 << 25, 1 << 30])
def test_little_memory_is_said_and_enough_is_enough(work: str, done: str, left: int) -> None:
    script = textwrap.dedent(work) + textwrap.dedent(RUN)
    said = subprocess.run(
        [sys.executable, "-c", script, str(left)], capture_output=True, text=True, timeout=60, check=True,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": ".", "PATH": ""},
    ).stdout  # fmt: skip
    if left == 1 << 30:
        assert said.strip() == done
    else:
        assert said.startswith("the memory is used up ([Errno 12] Cannot allocate memory); give the process more")
