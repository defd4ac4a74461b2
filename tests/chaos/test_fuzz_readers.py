"""Thousands of broken files through every reader: an error that names the file or rows that add up, and nothing else.

The short form has a fixed seed; `make chaos` runs the long one. A failure names its case and seed, which repeat it.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers import read_batches
from tasks.readers.normalise import batch_rows as to_batches
from tasks.readers.plan import make_plan
from tasks.readers.read import FORMATS
from tasks.readers.rows import RAW_LIMIT
from tasks.readers.schema import PROVENANCE, SCHEMAS
from tests.chaos import fuzz_inputs
from tests.chaos.fuzz_inputs import Case, sound_cases, write_mutant

CASES = {case.name: case for case in sound_cases()}
SHORT, LONG = 14, 400
SLOWEST_S = 5.0


def read_mutant(case: Case, seed: int) -> str:
    """Read one mutant and check all that must hold; what became of it: "read", "partly" or "refused"."""
    with tempfile.TemporaryDirectory(prefix="nightjar-fuzz-") as folder:
        path = write_mutant(case, Path(folder), random.Random(f"{case.name} {seed}"))
        source = SourceConfig.model_validate({"format": case.format, "path": str(path), **case.config})
        began = time.process_time()
        batches, said = None, ""
        try:
            batches = list(read_batches(source, case.kind, batch_rows=7))
        except SourceError as error:
            said = str(error)
        assert time.process_time() - began < SLOWEST_S
        expected = rows_of(source, case)
    if batches is None:
        assert path.name in said
        assert "\n" not in said
        assert expected is None
        return "refused"
    schema = {**SCHEMAS[case.kind], **PROVENANCE}
    places = []
    for batch in batches:
        assert dict(batch.records.schema) == schema
        assert 0 < len(batch.records) + len(batch.bad) <= 7
        for bad in batch.bad:
            assert bad.reason
            assert len(bad.raw) <= RAW_LIMIT
            assert "\x00" not in bad.raw + bad.reason + bad.file
            (bad.raw + bad.reason + bad.file).encode()
        places += [(file, line, "") for file, line in batch.records.select("file", "line").iter_rows()]
        places += [(bad.file, bad.line, bad.reason) for bad in batch.bad]
    # Every row that the reader of rows gave is a record or a bad row, whichever way it was read.
    assert expected is not None
    assert Counter(places) == expected
    return "partly" if any(batch.bad for batch in batches) else "read"


def rows_of(source: SourceConfig, case: Case) -> Counter[tuple[str, int, str]] | None:
    """Where the rows stand, and why they are bad, read one by one; None where the source is refused."""
    read_rows, layouts = FORMATS[source.format]
    plan = make_plan(source, case.kind, layout=layouts[case.kind] if layouts else None)
    n_raw = 0

    def counted() -> Any:
        nonlocal n_raw
        for row in read_rows(source, plan):
            n_raw += 1
            yield row

    found: Counter[tuple[str, int, str]] = Counter()
    try:
        for batch in to_batches(counted(), plan, size=1000):
            found.update((file, line, "") for file, line in batch.records.select("file", "line").iter_rows())
            found.update((bad.file, bad.line, bad.reason) for bad in batch.bad)
    except Exception:  # noqa: BLE001 - read_batches says which of these are its own
        return None
    assert found.total() == n_raw
    return found


@pytest.mark.parametrize("name", CASES)
def test_sound_input_is_read_whole(name: str, tmp_path: Path) -> None:
    case = CASES[name]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fuzz_inputs, "mutate", lambda content, rng: content)
        patched.setattr(fuzz_inputs, "BAD_NAMES", ("a.csv",))
        path = write_mutant(case, tmp_path, random.Random(1))
    source = SourceConfig.model_validate({"format": case.format, "path": str(path), **case.config})
    batches = list(read_batches(source, case.kind))
    assert sum(len(batch.records) for batch in batches) > 2
    assert not [bad for batch in batches for bad in batch.bad]


@pytest.mark.parametrize("name", CASES)
def test_mutants_are_read_or_refused(name: str) -> None:
    found = Counter(read_mutant(CASES[name], seed) for seed in range(SHORT))
    assert found.total() == SHORT
    # A fault that every mutant is refused for would show nothing of the rows.
    assert found["refused"] < SHORT


@pytest.mark.chaos_long
@pytest.mark.parametrize("name", CASES)
def test_very_many_mutants_are_read_or_refused(name: str, record_property: Any) -> None:
    found = Counter(read_mutant(CASES[name], seed) for seed in range(1000, 1000 + LONG))
    record_property("mutants", dict(found))
    print(f"{name}: {dict(found)}")  # noqa: T201 - the long form's result
    assert found["refused"] < LONG
