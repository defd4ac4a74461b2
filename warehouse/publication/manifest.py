"""The manifest of a publication: what it holds, how it was made, and how each column is to be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from warehouse.errors import PublicationError
from warehouse.publication.files import PublishedFile
from warehouse.publication.older import OlderTable
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Table

FORMAT = "nightjar-publication"
FORMAT_VERSION = "1.2.0"
"""Of the manifest and of latest.json; a manifest without it is 1.0.0. Readers pass over keys that they don't know."""


@dataclass(frozen=True)
class CatalogFacts:
    """A catalog of the run, as its consumers should know it."""

    name: str
    title: str
    licence: str
    user_space: str


@dataclass(frozen=True)
class RunFacts:
    """What the run says of itself; published_at is naive UTC. gates, models and labelers are rows of their tables.

    coverage has a row a catalog: catalog, n_users, n_covered, covered_share. comparison has one a catalog that the
    publication that was the latest shows too: see docs/contract.md. kept has a row a catalog and stage that an earlier run
    did: catalog, stage, run, as_of. is_backfill: a past day, which never is the latest.
    """

    run_id: str
    as_of: date
    published_at: datetime
    code_version: str
    catalogs: Sequence[CatalogFacts]
    gates: Sequence[Mapping[str, Any]] = ()
    models: Sequence[Mapping[str, Any]] = ()
    labelers: Sequence[Mapping[str, Any]] = ()
    costs: Mapping[str, Any] = field(default_factory=dict)
    coverage: Sequence[Mapping[str, Any]] = ()
    comparison: Sequence[Mapping[str, Any]] = ()
    kept: Sequence[Mapping[str, Any]] = ()
    is_backfill: bool = False


@dataclass(frozen=True)
class PublishedTable:
    """One version of one table of a publication; folder is relative to the published folder."""

    name: str
    folder: str
    files: Sequence[PublishedFile]

    @property
    def version_folder(self) -> str:
        """The folder of the schema's major version: "v1"."""
        return self.folder.split("/")[1]


@dataclass(frozen=True)
class Publication:
    """A complete publication: publication_id is the run id, with ".2", ".3" … if the run was published again."""

    published: Path
    publication_id: str
    manifest: Mapping[str, Any]
    manifest_sha256: str

    @property
    def run_id(self) -> str:
        """The run that it shows."""
        return str(self.manifest["run"])

    @property
    def as_of(self) -> date:
        """The day whose end its run looked back from."""
        return date.fromisoformat(self.manifest["as_of"])

    @property
    def published_at(self) -> datetime:
        """When it was published, naive UTC."""
        return datetime.fromisoformat(self.manifest["published_at"]).replace(tzinfo=None)

    @property
    def schema_version(self) -> str:
        """The version of its tables' schema."""
        return str(self.manifest["schema_version"])

    @property
    def is_backfill(self) -> bool:
        """Whether it shows a past day that was made up for, and so never was the latest by itself."""
        return bool(self.manifest.get("is_backfill", False))

    @property
    def catalogs(self) -> list[str]:
        """The names of the catalogs that it shows."""
        return [str(catalog["name"]) for catalog in self.manifest["catalogs"]]

    @property
    def n_rows(self) -> int:
        """Rows of all tables."""
        return sum(table["rows"] for table in self.manifest["tables"].values())

    @property
    def n_files(self) -> int:
        """Parquet files of all tables."""
        return sum(len(table.files) for table in self.all_tables())

    @property
    def n_bytes(self) -> int:
        """Bytes of all Parquet files."""
        return sum(file.bytes for table in self.all_tables() for file in table.files)

    def table(self, name: str) -> PublishedTable:
        """A table in the current version."""
        return _to_table(name, self.manifest["tables"][name])

    def older_tables(self, name: str) -> list[PublishedTable]:
        """The older major versions of a table that are published beside the current one."""
        return [_to_table(name, content) for content in self.manifest["tables"][name].get("older", {}).values()]

    def all_tables(self) -> list[PublishedTable]:
        """Every version of every table."""
        return [one for name in self.manifest["tables"] for one in (self.table(name), *self.older_tables(name))]

    def entries(self, table: str) -> list[PublishedFile]:
        """The files of a table as the manifest has them."""
        return list(self.table(table).files)

    def files(self, table: str, *, catalog: str | None = None) -> list[Path]:
        """The Parquet files of a table, of all catalogs or of one, in order: what to hand to read_parquet."""
        return [self.published / entry.path for entry in self.entries(table) if catalog in (None, entry.catalog)]

    def glob(self, table: str) -> str:
        """The same as a pattern, for a query that is written down."""
        return f"{self.published / self.table(table).folder}/*.parquet"


def table_folder(table: Table, publication_id: str) -> str:
    """Where a publication's files of a table lie, relative to the published folder."""
    return f"{table.name}/{table.version_folder}/run={publication_id}"


def manifest_path(publication_id: str) -> str:
    """Where a publication's manifest lies, relative to the published folder."""
    return f"runs/{publication_id}/manifest.json"


def build_manifest(
    facts: RunFacts,
    publication_id: str,
    files: Mapping[str, Sequence[PublishedFile]],
    *,
    older: Sequence[tuple[OlderTable, Sequence[PublishedFile]]] = (),
) -> str:
    """The manifest as JSON text; older are the older versions of tables that are published too."""
    tables = {name: _describe_table(table, publication_id, files[name]) for name, table in TABLES.items()}
    for one, written in older:
        described = {
            "schema_version": one.table.version,
            "published_until": one.published_until.isoformat(),
            **_describe_table(one.table, publication_id, written),
        }
        tables[one.table.name].setdefault("older", {})[one.table.version_folder] = described
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "publication": publication_id,
        "run": facts.run_id,
        "as_of": facts.as_of.isoformat(),
        "is_backfill": facts.is_backfill,
        "published_at": facts.published_at.isoformat(timespec="seconds") + "Z",
        "code_version": facts.code_version,
        "catalogs": [asdict(catalog) for catalog in facts.catalogs],
        "gates": list(facts.gates),
        "models": list(facts.models),
        "labelers": list(facts.labelers),
        "costs": dict(facts.costs),
        "coverage": list(facts.coverage),
        "comparison": list(facts.comparison),
        "kept": list(facts.kept),
        "tables": tables,
    }
    return json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n"


def read_manifest(published: Path, publication_id: str) -> Publication:
    """The publication of that id. Raises PublicationError if it is not there or its manifest can't be read."""
    path = published / manifest_path(publication_id)
    try:
        text = path.read_bytes()
        manifest = json.loads(text)
    except FileNotFoundError as error:
        raise PublicationError(
            f"there is no publication {publication_id!r} in {str(published)!r}; it may have been retired: "
            "read latest.json for the current one"
        ) from error
    except (ValueError, RecursionError) as error:
        raise PublicationError(f"manifest {str(path)!r} is not JSON ({error}); publish again") from error
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or manifest.get("publication") != publication_id
    ):
        raise PublicationError(f"{str(path)!r} is not the manifest of publication {publication_id!r}; publish again")
    publication = Publication(
        published=published,
        publication_id=publication_id,
        manifest=manifest,
        manifest_sha256=hashlib.sha256(text).hexdigest(),
    )
    _check_shape(publication, path)
    return publication


def _check_shape(publication: Publication, path: Path) -> None:
    """Raises PublicationError unless all that is read from a manifest is there, and its files lie in the folder."""
    one = publication
    try:
        _ = one.run_id, one.as_of, one.published_at, one.catalogs, one.n_rows + one.n_bytes
        [int(part) for part in one.schema_version.split(".")]
        names = [name for table in one.all_tables() for name in (table.folder, *(file.path for file in table.files))]
        out = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        said = f"{type(error).__name__}: {error}"
        raise PublicationError(
            f"manifest {str(path)!r} does not hold what a manifest holds ({said}); publish again"
        ) from error
    if out:
        raise PublicationError(f"manifest {str(path)!r} names {out[0]!r}, which lies elsewhere; publish again")


def _to_table(name: str, content: Mapping[str, Any]) -> PublishedTable:
    known = {key.name for key in fields(PublishedFile)}
    files = [PublishedFile(**{key: entry[key] for key in known & entry.keys()}) for entry in content["files"]]
    return PublishedTable(name=name, folder=content["folder"], files=files)


def _describe_table(table: Table, publication_id: str, files: Sequence[PublishedFile]) -> dict[str, Any]:
    columns = [
        {
            "name": column.name, "type": str(column.type), "nullable": column.nullable, "unit": column.unit,
            "range": column.range, "description": column.meaning, "since": column.since,
        }
        for column in table.columns
    ]  # fmt: skip
    return {
        "description": table.grain,
        "folder": table_folder(table, publication_id),
        "rows": sum(file.rows for file in files),
        "bytes": sum(file.bytes for file in files),
        "sorted_by": list(table.sorted_by),
        "unique": [["catalog", *key] for key in table.keys],
        "columns": columns,
        "files": [asdict(file) for file in files],
    }
