"""The plan of one source: which of its columns becomes which of ours, as what type. Every name in it is checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tasks.contracts.catalog import ColumnType, Kind, SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers.locate import nearest
from tasks.readers.schema import FIELDS, REQUIRED, FieldKind
from tasks.readers.values import Convert, converter_of, describe_kind


@dataclass(frozen=True)
class Layout:
    """What the rows of a format with a fixed layout hold: columns (ours -> the row's), attributes, types, the event.

    more names further columns that a catalog may ask for; open_columns: it may ask for any, as rows are free objects.
    """

    columns: Mapping[str, str]
    attributes: tuple[str, ...] = ()
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    default_event: str | None = None
    more: tuple[str, ...] = ()
    open_columns: bool = False


@dataclass(frozen=True)
class Field:
    """One of our columns, or one attribute: where it comes from, how it is converted, whether it must not be empty.

    kind is what a whole column of it can be converted as; None where only `convert` knows how.
    """

    name: str
    column: str | None
    convert: Convert
    noun: str = "text"
    expected: str = ""
    is_required: bool = False
    kind: FieldKind | None = None


@dataclass(frozen=True)
class Plan:
    """How rows of a source become records.

    asked are the source columns that the catalog itself names: a source without one of them does not fit. wanted are
    all columns that are read.
    """

    kind: Kind
    fields: tuple[Field, ...]
    attributes: tuple[Field, ...]
    asked: tuple[str, ...]
    wanted: tuple[str, ...]
    default_event: str | None
    event_names: Mapping[str, str]
    declared_events: tuple[str, ...]


def check_columns(asked: Iterable[str], found: Collection[str], *, file: str, hint: str = "") -> None:
    """Raise SourceError when a column that the catalog names is not among those found in the file."""
    for column in asked:
        if column not in found:
            shown = ", ".join(repr(name) for name in list(found)[:40]) or "none"
            raise SourceError(f"{file} has no column {column!r}{hint}{nearest(column, found)}; columns found: {shown}")


def make_plan(source: SourceConfig, kind: Kind, *, layout: Layout | None, events: Collection[str] = ()) -> Plan:
    """The plan for a source; raises SourceError when its columns, attributes, types or required names don't fit."""
    base = layout or Layout({}, open_columns=True)
    columns = {**base.columns, **source.columns}
    attributes = tuple(dict.fromkeys((*base.attributes, *source.attributes)))
    types = {**base.types, **source.types}
    default_event = source.default_event or base.default_event
    _check_names(source, kind, columns=columns, attributes=attributes)
    if not base.open_columns:
        _check_offer(source, base)
    for name in REQUIRED[kind]:
        if name not in columns and not (name == "event" and default_event):
            mend = " or state default_event" if name == "event" else ""
            raise SourceError(f"{kind} from {source.path!r} have no {name}; name its column under columns{mend}")
    required = {*REQUIRED[kind], *source.required}
    separator = source.list_separator
    fields = (
        _field(name, columns.get(name), field_kind, types.get(name), is_required=name in required, separator=separator)
        for name, field_kind in FIELDS[kind].items()
    )
    return Plan(
        kind=kind,
        fields=tuple(fields),
        attributes=tuple(_attribute(name, types.get(name), separator=separator) for name in attributes),
        asked=tuple(dict.fromkeys((*source.columns.values(), *source.attributes))),
        wanted=tuple(dict.fromkeys((*columns.values(), *attributes))),
        default_event=default_event if "event" not in columns else None,
        event_names=source.events,
        declared_events=tuple(events),
    )


def _field(
    name: str, column: str | None, kind: FieldKind, stated: ColumnType | None, *, is_required: bool, separator: str
) -> Field:
    convert = converter_of(kind, list_separator=separator)
    if stated is None or stated in ("text", kind):
        noun, expected = describe_kind(kind)
        return Field(name, column, convert, noun, expected, is_required, kind)
    if kind in ("integer", "number", "timestamp", "list") or stated == "list":
        noun = describe_kind(kind)[0]
        raise SourceError(f"types says that {name} is {stated!r}, but it is {noun}; leave it out of types")
    check = converter_of(stated, list_separator=separator)
    noun, expected = describe_kind(stated)
    return Field(name, column, lambda value: convert(check(value)), noun, expected, is_required)


def _attribute(name: str, stated: ColumnType | None, *, separator: str) -> Field:
    if stated is None:
        return Field(name, name, lambda value: value)
    noun, expected = describe_kind(stated)
    return Field(name, name, converter_of(stated, list_separator=separator), noun, expected)


def _check_names(source: SourceConfig, kind: Kind, *, columns: Iterable[str], attributes: Collection[str]) -> None:
    known = FIELDS[kind]
    for section, names, allowed in (
        ("columns", columns, set(known)),
        ("required", source.required, set(known)),
        ("types", source.types, {*known, *attributes}),
    ):
        for name in names:
            if name not in allowed:
                raise SourceError(
                    f"{section} of {source.path!r} names {name!r}, which {kind} don't have{nearest(name, allowed)}; "
                    f"{kind} have {', '.join(known)}"
                )
    if attributes and kind == "interactions":
        raise SourceError(f"{source.path!r}: interactions keep no attributes; leave {next(iter(attributes))!r} out")


def _check_offer(source: SourceConfig, layout: Layout) -> None:
    offered = {*layout.columns.values(), *layout.attributes, *layout.more}
    for column in (*source.columns.values(), *source.attributes):
        if column not in offered:
            raise SourceError(
                f"format {source.format!r} has no column {column!r}{nearest(column, offered)}; "
                f"it offers {', '.join(sorted(offered))}"
            )
