from __future__ import annotations

import platform
import resource

import numpy as np
import pytest

from tasks.sharding.memory import freed_memory_kept

N_NUMBERS = 6_000_000
"""48 MB of them: more than glibc ever keeps by itself."""


def new_pages(rounds: int) -> int:
    """How many pages the system had to give while as many large arrays were made, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        np.ones(N_NUMBERS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep what is freed")
def test_what_one_shard_frees_is_there_for_the_next():
    usual = new_pages(8)
    with freed_memory_kept():
        new_pages(1)
        assert new_pages(8) < usual / 4
    assert new_pages(8) > usual / 4


def test_an_error_within_comes_through():
    with pytest.raises(ValueError, match="within"), freed_memory_kept():
        raise ValueError("within")
