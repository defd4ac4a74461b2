"""The documentation can't rot: generated pages are fresh, everything is told, links resolve, commands and queries run."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from flows.cli.main import app
from flows.endpoints import EndpointSection
from flows.settings import PREFIX, Settings
from tasks.contracts.catalog import Catalog
from tasks.contracts.meanings import MEANINGS
from tasks.contracts.reference import render_reference
from tasks.gates.suites import known_expectations
from tasks.ranking.reference import render_features
from warehouse.connection import Warehouse, open_warehouse
from warehouse.publication import TABLES
from warehouse.publication.contract import render_contract

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    path for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md"), *ROOT.glob("*/README.md"),
                      *ROOT.glob("examples/*/README.md")) if path.exists()
)  # fmt: skip
GENERATED = {"contract.md": render_contract, "catalog-reference.md": render_reference, "features.md": render_features}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
QUERY = re.compile(r'nightjar sql "(.*?)"', re.DOTALL)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def all_text() -> str:
    return "\n".join(read(page) for page in PAGES)


def walk(command: Any, name: str) -> Iterator[str]:
    """Full names of all commands below: "nightjar label topics"."""
    for child, sub in getattr(command, "commands", {}).items():
        yield f"{name} {child}"
        yield from walk(sub, f"{name} {child}")


def parse(words: list[str]) -> None:
    """Parse a command line as typer would; raises UsageError."""
    command: Any = typer.main.get_command(app)
    name, rest, parent = "nightjar", words, None
    while True:
        groups = getattr(command, "commands", None)
        if groups is not None and not rest:
            return
        parent = command.make_context(name, list(rest), parent=parent)
        if groups is None:
            return
        name, command, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])


def shown_commands() -> Iterator[tuple[str, str, bool]]:
    """(page, command line, whether it stands in a block of its own) of every `nightjar …` that the docs show."""
    for page in PAGES:
        text = read(page)
        for _, block in BLOCK.findall(text):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s&&\s", line.strip()):
                    if re.match(r"(\.venv/bin/)?nightjar ", part):
                        yield page.name, part, True
        for inline in re.findall(r"`(?:\.venv/bin/)?(nightjar [^`\n]+)`", BLOCK.sub("", text)):
            if "…" not in inline:
                yield page.name, inline, False


@pytest.mark.parametrize("name", GENERATED)
def test_generated_page_is_fresh(name: str) -> None:
    assert read(DOCS / name) == GENERATED[name](), "write it anew: the page's second line says how"


def test_every_command_is_told() -> None:
    told = all_text()
    missing = [name for name in walk(typer.main.get_command(app), "nightjar") if name not in told]
    assert not missing


def test_every_setting_is_told_with_its_variable() -> None:
    told = read(DOCS / "settings.md")
    rows = [f"| `{name}` | `{PREFIX}{name.upper()}` |" for name in Settings.model_fields]
    assert not [row for row in rows if row not in told]


def test_every_key_of_an_endpoint_is_told_and_in_the_example_file() -> None:
    told, example = read(DOCS / "settings.md").split("## Endpoints")[1], read(ROOT / "nightjar.toml.example")
    names = list(EndpointSection.model_fields)
    assert not [name for name in names if not re.search(rf"^\| .*`{name}`.* \|", told, re.MULTILINE)]
    assert not [name for name in names if not re.search(rf"^# {name} = ", example, re.MULTILINE)]


def test_defaults_of_an_endpoint_are_those_of_the_flat_settings() -> None:
    """What the page says of one holds for the other."""
    flat, named = Settings.model_fields, EndpointSection.model_fields
    shared = [name for name in named if name in flat]
    assert len(shared) == 12
    assert [name for name in shared if flat[name].default != named[name].default] == []


def test_example_of_endpoints_can_be_read() -> None:
    after = read(ROOT / "nightjar.toml.example").split("# endpoints = {}\n")[1]
    text = "\n".join(line.removeprefix("# ") for line in after.splitlines() if re.match(r"# (\[|\w+ = )", line))
    assert set(Settings.model_validate(tomllib.loads(text)).endpoints) == {"judge", "fake"}


def test_every_setting_is_in_the_example_file() -> None:
    told = read(ROOT / "nightjar.toml.example")
    assert not [name for name in Settings.model_fields if not re.search(rf"^(# )?{name} = ", told, re.MULTILINE)]


def test_example_settings_are_the_defaults() -> None:
    stated = tomllib.loads(read(ROOT / "nightjar.toml.example"))
    defaults = Settings.model_construct().model_dump(mode="json")
    assert {name: value for name, value in stated.items() if defaults[name] != value} == {}


def test_every_meaning_belongs_to_a_key() -> None:
    sections = {name: field.annotation for name, field in Catalog.model_fields.items()}
    keys = {f"{name}.{key}" for name, of in sections.items() for key in getattr(of, "model_fields", {})}
    plain = {name for name, of in sections.items() if not hasattr(of, "model_fields")}
    assert set(MEANINGS) == keys | plain


def test_every_table_and_its_columns_are_told(tmp_path: Path) -> None:
    sections = dict(
        re.findall(r"^\*\*`(\w+)`\*\* — (.*?)(?=\n\n|\Z)", read(DOCS / "tables.md"), re.MULTILINE | re.DOTALL)
    )
    with open_warehouse(tmp_path) as warehouse:
        known = columns_by_table(warehouse)
        views = {
            name
            for (name,) in warehouse.connection.sql(
                "select view_name from duckdb_views() where not internal"
            ).fetchall()
        }
    assert set(sections) == set(known) | views
    told = {name: without_remarks(text) for name, text in sections.items() if name in known}
    assert told == known


def columns_by_table(warehouse: Warehouse) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = "select table_name, column_name from duckdb_columns() where table_name in (select table_name from duckdb_tables())"
    for table, column in warehouse.connection.sql(f"{query} order by table_name, column_index").fetchall():
        found.setdefault(table, []).append(column)
    return found


def without_remarks(section: str) -> list[str]:
    """The columns that a section names, without what stands in parentheses behind them."""
    return re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", section.split("Columns:")[1]))


def test_every_published_table_is_told() -> None:
    told = read(DOCS / "tables.md")
    assert not [name for name in TABLES if f"`published_{name}`" not in told]


def test_every_expectation_is_told() -> None:
    told = read(DOCS / "runbook.md")
    assert not [name for name in known_expectations() if f"`{name}`" not in told]


def test_shown_queries_run(tmp_path: Path) -> None:
    queries = {query for page in PAGES for query in QUERY.findall(read(page))}
    assert queries
    with open_warehouse(tmp_path) as warehouse:
        for name, table in TABLES.items():
            warehouse.connection.register(f"published_{name}", table.schema.empty_table())
        for query in sorted(queries - {"select …"}):
            warehouse.connection.sql(query).fetchall()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(BLOCK.sub("", read(page))):
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors_of(target))):
            broken.append(link)
    assert not broken


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made where Markdown is shown."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


SHOWN = [pytest.param(*one, id=f"{one[0]}: {one[1][:60]}") for one in shown_commands()]


@pytest.mark.parametrize(("page", "line", "is_block"), SHOWN)
def test_shown_command_parses(page: str, line: str, is_block: bool) -> None:
    words = shlex.split(line, comments=True)[1:]
    try:
        parse(words)
    except typer.BadParameter:
        # In prose `nightjar sql` names the command, and `simulate-users N` leaves the number open.
        if is_block:
            raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_toml_blocks_can_be_read(page: Path) -> None:
    for language, block in BLOCK.findall(read(page)):
        if language == "toml":
            tomllib.loads(block)


def test_the_step_by_step_catalog_is_valid() -> None:
    blocks = [block for language, block in BLOCK.findall(read(DOCS / "catalogs.md")) if language == "toml"]
    catalog = Catalog.model_validate(tomllib.loads("\n".join(blocks[:5])))
    assert (catalog.name, len(catalog.items), len(catalog.taxonomy)) == ("recipes", 1, 2)


def test_what_the_catalog_page_adds_is_valid_beside_its_first_catalog() -> None:
    blocks = [block for language, block in BLOCK.findall(read(DOCS / "catalogs.md")) if language == "toml"]
    first = tomllib.loads("\n".join(blocks[:5]))
    read_blocks = [tomllib.loads(block) for block in blocks[5:]]
    added = [block for block in read_blocks if {"relations", "rules", "blocked_items", "users"} & block.keys()]
    assert len(added) == 4
    for block in added:
        Catalog.model_validate({**first, **block})
