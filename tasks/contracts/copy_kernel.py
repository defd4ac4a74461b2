"""The copy of vectors that compiled loops make of rows which lie anywhere. Imported only by them (see contracts.compiled)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tasks.contracts.compiled import compiled

LINE_BYTES = 64
AHEAD = 3
"""So many rows before a row is copied it is asked of memory: the wait for one is then the copying of others."""


@intrinsic  # type: ignore[untyped-decorator]
def _ask_for(context: Any, address: Any) -> Any:
    """Tell the processor that the line at an address will be read; an address of nothing does no harm."""

    def generate(of: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        # To be read (0), kept (3), of data (1).
        builder.call(prefetch, [builder.inttoptr(values[0], pointer), *(ir.Constant(number, how) for how in (0, 3, 1))])
        return of.get_dummy_value()

    return types.void(types.intp), generate


@compiled
def copy_vector(source: Any, target: Any) -> None:
    """source into target, which is no shorter; number by number, which is faster here than by slices."""
    for place in range(len(source)):
        target[place] = source[place]


@compiled
def copy_rows(vectors: Any, rows: Any, target: Any) -> None:
    """vectors[rows] into target, which has no fewer rows; the numbers of a row of vectors lie side by side."""
    begin, n_bytes = vectors.ctypes.data, vectors.shape[1] * vectors.itemsize
    for place in range(len(rows)):
        if place + AHEAD < len(rows):
            following = begin + rows[place + AHEAD] * vectors.strides[0]
            for offset in range(0, n_bytes, LINE_BYTES):
                _ask_for(following + offset)
        copy_vector(vectors[rows[place]], target[place])
