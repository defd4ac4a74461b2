"""Reads a catalog file: one TOML file, checked against the model in `catalog`.

An unknown key is an error that names the nearest known one. Relative paths are resolved against the folder of the TOML
file; `{name}` in a path is filled from `[parameters]`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tasks.contracts.catalog import Catalog
from tasks.contracts.errors import ConfigError

# A parameter by its name, and no way into what Python knows of its value.
_PARAMETER = re.compile(r"\{([^{}]*)\}")


def load_catalog(path: Path, parameters: Mapping[str, str] | None = None) -> Catalog:
    """Read and check a catalog file; `parameters` override its `[parameters]`.

    Raises ConfigError that names file, key and the nearest known key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"catalog file {str(path)!r} does not exist; give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"catalog file {str(path)!r} can't be read as TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"catalog file {str(path)!r} can't be read as TOML: it is nested too deep") from error
    if not isinstance(values.get("parameters", {}), dict):
        raise ConfigError(
            f"catalog file {str(path)!r}: parameters is no table; write [parameters] and below it NAME = 'value'"
        )
    filled = _fill_parameters(values, dict(parameters or {}), path)
    try:
        return Catalog.model_validate(filled)
    except ValidationError as error:
        raise ConfigError(f"catalog file {str(path)!r}: {describe_errors(error, Catalog)}") from error


def declared_parameters(path: Path) -> set[str]:
    """The names that a catalog file declares in `[parameters]`; none where the file can't be read (load_catalog says why)."""
    try:
        return set(tomllib.loads(path.read_text(encoding="utf-8")).get("parameters", {}))
    except (OSError, ValueError):
        return set()


def _fill_parameters(values: dict[str, Any], given: dict[str, str], path: Path) -> dict[str, Any]:
    declared = dict(values.get("parameters", {}))
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ConfigError(
            f"catalog file {str(path)!r} has no parameter {unknown[0]!r}; it declares {', '.join(sorted(declared)) or 'none'}"
        )
    filled = {**declared, **given}
    result = {**values, "parameters": filled}
    for kind in ("items", "users", "interactions"):
        sources = values.get(kind, [])
        sources = [sources] if isinstance(sources, dict) else sources
        if isinstance(sources, list):
            result[kind] = [_resolve_path(source, filled, path) for source in sources]
    return result


def _resolve_path(source: Any, parameters: Mapping[str, str], path: Path) -> Any:
    if not isinstance(source, dict) or not isinstance(source.get("path"), str):
        return source
    try:
        text = _PARAMETER.sub(lambda found: str(parameters[found[1]]), source["path"])
    except KeyError as error:
        raise ConfigError(
            f"catalog file {str(path)!r}: path {source['path']!r} names a parameter that [parameters] does not declare ({error})"
        ) from error
    try:
        return {**source, "path": str((path.parent / Path(text).expanduser()).resolve())}
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"catalog file {str(path)!r}: path {text[:200]!r} can't be one: {error}") from error


def describe_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """One line a problem; an unknown key names the nearest known one."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {where!r}{_nearest(problem['loc'], model)}")
        else:
            given = "" if problem["type"] == "missing" else f" (got {problem['input']!r:.80})"
            lines.append(f"{where}: {problem['msg']}{given}")
    return "; ".join(lines)


def _nearest(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    fields = _fields_at(location[:-1], model)
    near = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else f"; known keys are {', '.join(fields)}"


def _fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys that are known at a place; a number, or a name that is given in the file, stands for any of its kind."""
    for part in location:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = model.model_fields[part].annotation
        candidates = [inner, *getattr(inner, "__args__", ())]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
