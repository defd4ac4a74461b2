"""The manifest of a publication: what it holds, how it was made, and how each column is to be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from warehouse.errors import PublicationError
from warehouse.publication.files import PublishedFile
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Table

FORMAT = "nightjar-publication"


@dataclass(frozen=True)
class CatalogFacts:
    """A catalog of the run, as its consumers should know it."""

    name: str
    title: str
    licence: str
    user_space: str


@dataclass(frozen=True)
class RunFacts:
    """What the run says of itself; published_at is naive UTC. gates, models and labelers are rows of their tables."""

    run_id: str
    as_of: date
    published_at: datetime
    code_version: str
    catalogs: Sequence[CatalogFacts]
    gates: Sequence[Mapping[str, Any]] = ()
    models: Sequence[Mapping[str, Any]] = ()
    labelers: Sequence[Mapping[str, Any]] = ()
    costs: Mapping[str, Any] = field(default_factory=dict)


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
    def published_at(self) -> datetime:
        """When it was published, naive UTC."""
        return datetime.fromisoformat(self.manifest["published_at"]).replace(tzinfo=None)

    @property
    def n_rows(self) -> int:
        """Rows of all tables."""
        return sum(table["rows"] for table in self.manifest["tables"].values())

    @property
    def n_files(self) -> int:
        """Parquet files of all tables."""
        return sum(len(table["files"]) for table in self.manifest["tables"].values())

    def entries(self, table: str) -> list[PublishedFile]:
        """The files of a table as the manifest has them."""
        return [PublishedFile(**entry) for entry in self.manifest["tables"][table]["files"]]

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, in order: what to hand to read_parquet."""
        return [self.published / entry.path for entry in self.entries(table)]

    def glob(self, table: str) -> str:
        """The same as a pattern, for a query that is written down."""
        return f"{self.published / table_folder(TABLES[table], self.publication_id)}/*.parquet"


def table_folder(table: Table, publication_id: str) -> str:
    """Where a publication's files of a table lie, relative to the published folder."""
    return f"{table.name}/{table.version_folder}/run={publication_id}"


def manifest_path(publication_id: str) -> str:
    """Where a publication's manifest lies, relative to the published folder."""
    return f"runs/{publication_id}/manifest.json"


def build_manifest(facts: RunFacts, publication_id: str, files: Mapping[str, Sequence[PublishedFile]]) -> str:
    """The manifest as JSON text."""
    content = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "publication": publication_id,
        "run": facts.run_id,
        "as_of": facts.as_of.isoformat(),
        "published_at": facts.published_at.isoformat(timespec="seconds") + "Z",
        "code_version": facts.code_version,
        "catalogs": [asdict(catalog) for catalog in facts.catalogs],
        "gates": list(facts.gates),
        "models": list(facts.models),
        "labelers": list(facts.labelers),
        "costs": dict(facts.costs),
        "tables": {name: _describe_table(table, publication_id, files[name]) for name, table in TABLES.items()},
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
    except ValueError as error:
        raise PublicationError(f"manifest {str(path)!r} is not JSON ({error}); publish again") from error
    if manifest.get("format") != FORMAT or manifest.get("publication") != publication_id:
        raise PublicationError(f"{str(path)!r} is not the manifest of publication {publication_id!r}; publish again")
    return Publication(
        published=published,
        publication_id=publication_id,
        manifest=manifest,
        manifest_sha256=hashlib.sha256(text).hexdigest(),
    )


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
