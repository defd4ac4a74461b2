"""What 10 and 100 million users would take, from the exponents that million_growth measured. Computes, and measures nothing.

    python -m benchmarks.scale_projection [--growth benchmarks/results/million_growth.md] [--cores 64] [--efficiency 0.85]

A stage's CPU seconds at the largest measured size are multiplied by (users / size) to the power of its exponent in the last
step that was measured, or of 1 where less was: what looks cheaper than linear is a fixed cost that has not yet been outgrown.
The sharded stages are divided by cores and efficiency, the others by nothing. Takes a second; writes
benchmarks/results/scale_projection.md.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
SHARDED = ("candidates", "score")
SIZES = (10_000_000, 100_000_000)
HOUR = 3600.0


@dataclass(frozen=True)
class Stage:
    """A stage as measured: CPU seconds at `size` users, and the exponent of its growth."""

    name: str
    size: int
    cpu: float
    exponent: float

    def at(self, users: int) -> float:
        """CPU seconds for so many users.

        >>> Stage("score", 1_000_000, 100.0, 0.9).at(10_000_000)
        1000.0
        """
        return self.cpu * (users / self.size) ** max(1.0, self.exponent)


def read_growth(text: str) -> list[Stage]:
    """The stages of the table "Users grow". Raises SystemExit where there is none."""
    found = re.search(r"^## Users grow.*?\n(\|.*?\n)\n", text + "\n", re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit("the page has no table under '## Users grow'; run `python -m benchmarks.million_growth` first")
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].strip().splitlines()]
    size = max(int(cell.replace(",", "")) for cell in head if re.fullmatch(r"[\d,]+", cell))
    last = max(place for place, cell in enumerate(head) if re.fullmatch(r"[\d,]+", cell))
    exponent = next(place for place, cell in enumerate(head) if cell.startswith("last step"))
    return [
        Stage(row[0], size, float(row[last].split()[0].replace(",", "")), float(row[exponent]))
        for row in rows
        if row[0] != "peak GiB"
    ]


def describe(stages: list[Stage], *, cores: int, efficiency: float) -> str:
    """The page."""
    lines = [
        "# 10 and 100 million users, computed",
        "",
        f"`python -m benchmarks.scale_projection --cores {cores} --efficiency {efficiency}`, from the exponents of"
        " [million_growth](million_growth.md). Nothing here is measured. CPU hours; in brackets hours by the clock: the sharded"
        f" stages on {cores} cores of which {efficiency:.0%} is work, the others on one core.",
        "",
        "| stage | measured: users | CPU s | exponent | "
        + " | ".join(f"{users // 1_000_000} million users" for users in SIZES)
        + " |",
        "|---|---|---|---|" + "---|" * len(SIZES),
    ]
    for stage in stages:
        divided = cores * efficiency if stage.name in SHARDED else 1.0
        cells = " | ".join(f"{stage.at(n) / HOUR:,.1f} h ({stage.at(n) / HOUR / divided:,.2f} h)" for n in SIZES)
        where = f"{stage.name}, sharded" if stage.name in SHARDED else stage.name
        lines.append(f"| {where} | {stage.size:,} | {stage.cpu:,.1f} | {stage.exponent:.2f} | {cells} |")
    lines += [
        "",
        "`train` learns from `ranking.max_users` users at most, whatever the catalog has: its row is an upper bound, for it is"
        " counted as linear. What a coordinator reads and writes for workers is in no row.",
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Read, compute, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", type=Path, default=RESULTS / "million_growth.md")
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--efficiency", type=float, default=0.85)
    parser.add_argument("--out", type=Path, default=RESULTS / "scale_projection.md")
    asked = parser.parse_args()
    page = describe(
        read_growth(asked.growth.read_text(encoding="utf-8")), cores=asked.cores, efficiency=asked.efficiency
    )
    asked.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
