"""Dot products of many pairs of vectors without a copy of the larger side, and threads for such work; shared by the rooms
that compare vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]

Part = TypeVar("Part")
Found = TypeVar("Found")

DECIMALS = 6
RUN_ITEMS = 32
BLOCK_RUNS = 4096
"""Runs that are scored at once: what is copied for them fits the processor's cache, and memory that was used before."""


def run_dots(
    left: FloatMatrix,
    left_rows: IntVector,
    right: FloatMatrix,
    right_rows: IntVector,
    *,
    starts: IntVector,
    lengths: IntVector,
) -> FloatVector:
    """For each run r the dots of left[left_rows[r]] with right[right_rows[starts[r] : starts[r] + lengths[r]]], end to end.

    Runs may overlap: several queries of a user are several runs over the same items, which then lie in the cache. Both
    matrices have d columns of 32-bit floats; sums are made in 32 bits, always in the same order, and rounded to DECIMALS, so
    that a pair's dot is the same in any company. O(dots * d), memory O(dots).
    """
    left, right = np.ascontiguousarray(left, dtype=np.float32), np.ascontiguousarray(right, dtype=np.float32)
    width = _even_width(lengths)
    if width:
        scores = _even_dots(left, left_rows, right, right_rows, starts=starts, length=int(lengths[0]), width=width)
        return np.asarray(np.round(scores.astype(np.float64), DECIMALS), dtype=np.float64)
    n_parts = -(-lengths // RUN_ITEMS)
    part_of = np.arange(int(n_parts.sum())) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    part_starts = np.repeat(starts, n_parts) + part_of * RUN_ITEMS
    part_rows = np.repeat(left_rows, n_parts)
    part_sizes = np.minimum(np.repeat(lengths, n_parts) - part_of * RUN_ITEMS, RUN_ITEMS)
    part_first = np.repeat(np.cumsum(lengths) - lengths, n_parts) + part_of * RUN_ITEMS
    scores = np.empty(int(lengths.sum()), dtype=np.float32)
    columns = np.arange(RUN_ITEMS)
    found = np.zeros((BLOCK_RUNS, RUN_ITEMS), dtype=np.float32)
    for start in range(0, len(part_rows), BLOCK_RUNS):
        part = slice(start, start + BLOCK_RUNS)
        is_there = columns < part_sizes[part, None]
        places = np.where(is_there, part_starts[part, None] + columns, 0)
        # A negative number is skipped.
        ids = np.where(is_there, right_rows[places], -1).astype(np.int64)
        asked = np.ascontiguousarray(left[part_rows[part]])
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            faiss.swig_ptr(found), faiss.swig_ptr(asked), faiss.swig_ptr(right), faiss.swig_ptr(ids),
            left.shape[1], len(ids), RUN_ITEMS,
        )  # fmt: skip
        # Parts lie end to end: those of a run behind one another, runs in their order.
        stop = int(part_first[part][-1] + part_sizes[part][-1])
        scores[int(part_first[start]) : stop] = found[: len(ids)][is_there]
    return np.asarray(np.round(scores.astype(np.float64), DECIMALS), dtype=np.float64)


def _even_width(lengths: IntVector) -> int:
    """Into parts of how many items all runs can be cut without a rest; 0 where they are not of one length, or too short."""
    if not len(lengths) or (lengths != lengths[0]).any():
        return 0
    return next((width for width in range(2 * RUN_ITEMS, RUN_ITEMS // 2 - 1, -1) if lengths[0] % width == 0), 0)


def _even_dots(
    left: FloatMatrix,
    left_rows: IntVector,
    right: FloatMatrix,
    right_rows: IntVector,
    *,
    starts: IntVector,
    length: int,
    width: int,
) -> NDArray[np.float32]:
    """The dots of runs of one length, which need no marks of what is there."""
    parts = length // width
    scores = np.empty((len(left_rows) * parts, width), dtype=np.float32)
    step = max(1, BLOCK_RUNS // parts)
    for start in range(0, len(left_rows), step):
        stop = min(start + step, len(left_rows))
        ids = right_rows[starts[start:stop, None] + np.arange(length)].astype(np.int64, copy=False)
        asked = left[np.repeat(left_rows[start:stop], parts)]
        found = scores[start * parts : stop * parts]
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            faiss.swig_ptr(found), faiss.swig_ptr(asked), faiss.swig_ptr(right), faiss.swig_ptr(ids.reshape(-1, width)),
            left.shape[1], len(found), width,
        )  # fmt: skip
    return scores.ravel()


def use_one_thread() -> None:
    """Let this thread's own searches and dots run on it alone: for a thread that works beside others."""
    faiss.omp_set_num_threads(1)


def map_on_threads(work: Callable[[Part], Found], parts: Iterable[Part]) -> list[Found]:
    """work(part) of each part, in order, on as many threads as faiss may use here, each of which computes alone."""
    threads = faiss.omp_get_max_threads()
    if threads == 1:
        return [work(part) for part in parts]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, initializer=use_one_thread) as workers:
        return list(workers.map(work, parts))
