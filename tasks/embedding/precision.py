"""Where a model computes and how exactly: the device, and the precision of its numbers. Reads what the machine says of itself.

bfloat16 halves the bytes of a number and keeps its range; processors with AVX512-BF16 multiply it more than four times as fast
as float32. Its rounding moves a vector by a cosine of about 0.00005 (benchmarks/results/embedding_speed.md), so vectors of
different precision have different fingerprints and are never compared.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tasks.contracts.errors import ConfigError
from tasks.embedding.model_files import PACKAGED_MODEL

Precision = Literal["float32", "bfloat16"]
Device = Literal["cpu", "cuda"]
AUTO = "auto"

_BFLOAT16_FLAG = "avx512_bf16"
_CPUINFO = Path("/proc/cpuinfo")
_GPU_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Machine:
    """What the choice depends on: the processor's flags as Linux names them, and whether torch can use a GPU here."""

    cpu_flags: frozenset[str]
    has_gpu: bool


@dataclass(frozen=True)
class Compute:
    """Where and how exactly to compute, and why; device is torch's name."""

    device: Device
    precision: Precision
    reason: str

    def __str__(self) -> str:
        """One line for people: "bfloat16 on the CPU (it has avx512_bf16)"."""
        return f"{self.precision} on the {'GPU' if self.device == 'cuda' else 'CPU'} ({self.reason})"


def read_machine(cpuinfo: Path = _CPUINFO, gpu_driver: Path = _GPU_DRIVER) -> Machine:
    """This machine; without Linux's list of what the processor can do, it has no flags. Imports torch only beside a GPU."""
    lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines() if cpuinfo.is_file() else []
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return Machine(frozenset(flags.split()), gpu_driver.exists() and _torch_sees_gpu())


def choose_compute(model: str, *, precision: str, device: str, machine: Machine) -> Compute:
    """What "auto" means for a model on a machine; any other wish stands. Raises ConfigError for a wish that can't be met.

    A GPU is used where there is one, in float32. On a CPU bfloat16 is chosen for the packaged model, whose loss is
    measured, where the processor has instructions for it; everything else is float32.
    """
    if precision not in (AUTO, *get_args(Precision)):
        raise ConfigError(f"embedding_precision is {precision!r}; expected auto, {', '.join(get_args(Precision))}")
    if device not in (AUTO, *get_args(Device)):
        raise ConfigError(f"embedding_device is {device!r}; expected auto, {', '.join(get_args(Device))}")
    if device == "cuda" and not machine.has_gpu:
        raise ConfigError("embedding_device is 'cuda', but torch sees no GPU here; set it to auto or cpu")
    chosen: Device = "cuda" if machine.has_gpu and device != "cpu" else "cpu"
    if precision == "bfloat16":
        return Compute(chosen, "bfloat16", "as set")
    if precision == "float32":
        return Compute(chosen, "float32", "as set")
    if chosen == "cuda":
        return Compute(chosen, "float32", "a GPU is fast enough")
    if _BFLOAT16_FLAG not in machine.cpu_flags:
        return Compute(chosen, "float32", f"it has no {_BFLOAT16_FLAG}")
    if model != PACKAGED_MODEL:
        return Compute(chosen, "float32", f"bfloat16 is measured for {PACKAGED_MODEL} only")
    return Compute(chosen, "bfloat16", f"it has {_BFLOAT16_FLAG}")


def _torch_sees_gpu() -> bool:
    if importlib.metadata.version("torch").endswith("+cpu"):
        return False
    # Imported here because only a machine with a GPU has to ask, and it costs seconds.
    import torch

    return bool(torch.cuda.is_available())
