"""Bytes that turn and files that end early, and whether a warehouse that met them tells or holds what it held."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.night import Nights
from warehouse.connection import DATABASE, Warehouse, open_warehouse
from warehouse.errors import DamagedError


def flip(path: Path, at: int) -> None:
    """Turn one byte around."""
    with path.open("r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 0xFF]))


def cut(path: Path, at: int) -> None:
    """End the file there."""
    with path.open("r+b") as file:
        file.truncate(at)


def read_dump(warehouse: Warehouse) -> str:
    """One line a table."""
    names = warehouse.connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
    return "\n".join(
        f"{name} {warehouse.connection.execute(f'select count(*), bit_xor(hash(every)) from {name} as every').fetchall()}"
        for (name,) in names
    )


def count_found(whole: Nights, dump: str, scratch: Path, places: list[int]) -> int:
    """How many of the turned bytes were found; each of the others held nothing, for all values are as they were."""
    said: list[str] = []
    path = scratch / DATABASE
    for place in places:
        shutil.copyfile(whole.folder / DATABASE, path)
        flip(path, place)
        try:
            with open_warehouse(scratch, read_only=True) as warehouse:
                assert read_dump(warehouse) == dump, f"byte {place} was turned, and a value is another"
        except DamagedError as error:
            said.append(str(error))
    for line in said:
        assert line.startswith(f"the warehouse {str(path)!r} is damaged: ")
        assert "restore a backup" in line
        assert "\n" not in line
    return len(said)
