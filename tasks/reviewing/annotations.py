"""What Label Studio exports, as JSON (annotations with their results) or JSON-MIN (flat): the answers in it. Pure.

Annotations that were cancelled or hold no answer are skipped. Who annotated is "label-studio:<user id>", which both forms
state alike, so that the same annotation in both is the same label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tasks.reviewing.answers import Given, Refused, Row, Skipped
from tasks.reviewing.spreadsheet import read_time

ANSWER, NOTE = "answer", "note"


def read_annotations(tasks: Iterable[Any]) -> Iterator[Row]:
    """The answers of an export, several a task where several people annotated it; place is the task's, from 1."""
    for place, task in enumerate(tasks, start=1):
        if not isinstance(task, Mapping):
            yield Refused(place, "no task: expected an object")
        elif isinstance(task.get("annotations"), list):
            yield from _read_full(place, task)
        else:
            yield _read_flat(place, task)


def _read_full(place: int, task: Mapping[str, Any]) -> Iterator[Row]:
    if not task["annotations"]:
        yield Skipped(place, "not annotated")
    for annotation in task["annotations"]:
        if not isinstance(annotation, Mapping):
            yield Refused(place, "no annotation: expected an object")
        elif annotation.get("was_cancelled"):
            yield Skipped(place, "cancelled by the annotator")
        else:
            data = task.get("data")
            results = annotation.get("result")
            yield _make_row(
                place,
                data if isinstance(data, Mapping) else {},
                chosen=_values(results, ANSWER, "choices"),
                notes=_values(results, NOTE, "text"),
                who=annotation.get("completed_by"),
                times=annotation,
            )


def _read_flat(place: int, task: Mapping[str, Any]) -> Row:
    if task.get("annotator") is None and task.get("annotation_id") is None:
        return Skipped(place, "not annotated")
    chosen = task.get(ANSWER)
    # Several choices of one annotation come as an object.
    several = chosen.get("choices", []) if isinstance(chosen, Mapping) else None
    return _make_row(
        place,
        task,
        chosen=_texts(several if several is not None else chosen),
        notes=_texts(task.get(NOTE)),
        who=task.get("annotator"),
        times=task,
    )


def _make_row(
    place: int, data: Mapping[str, Any], *, chosen: list[str], notes: list[str], who: Any, times: Mapping[str, Any]
) -> Row:
    missing = [name for name in ("catalog", "task", "question_key") if not isinstance(data.get(name), str)]
    if missing:
        return Refused(place, f"no task of `nightjar review export`: {missing[0]} is missing")
    if not chosen:
        return Skipped(place, "no answer")
    if len(chosen) > 1:
        return Refused(place, f"several answers: {', '.join(chosen)}; expected one")
    try:
        reviewed_at = _latest(times)
    except ValueError as error:
        return Refused(place, f"the annotation's time can't be read: {error}")
    return Given(
        place,
        catalog=data["catalog"],
        task=data["task"],
        question_key=data["question_key"],
        item_id=str(data.get("item_id", "")),
        answer=chosen[0],
        reviewer=_name(who),
        note="\n".join(notes),
        reviewed_at=reviewed_at,
    )


def _values(results: Any, name: str, kind: str) -> list[str]:
    found = []
    for result in results if isinstance(results, list) else []:
        if isinstance(result, Mapping) and result.get("from_name") == name and isinstance(result.get("value"), Mapping):
            found += _texts(result["value"].get(kind))
    return found


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one).strip() for one in values if one is not None and str(one).strip()]


def _name(who: Any) -> str:
    number = who.get("id") if isinstance(who, Mapping) else who
    return "" if number is None or str(number) == "" else f"label-studio:{number}"


def _latest(times: Mapping[str, Any]) -> datetime | None:
    stated = times.get("updated_at") or times.get("created_at")
    return read_time(str(stated)) if stated else None
