"""The check that a reply answers the questions: every asked number exactly once, and every answer valid.

Pure. Shapes that mean the same are taken alike (a bare list, rows keyed by number, one object for a list of one);
what is missing or ambiguous is an InvalidReplyError that says so, and nothing is ever filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from tasks.llm.errors import InvalidReplyError
from tasks.llm.parse import find_json
from tasks.llm.schema import NumberedAnswer

M = TypeVar("M", bound=NumberedAnswer)


def read_answers(text: str, answer: type[M], *, n_questions: int) -> list[M]:
    """The answers in a reply, in the order of the questions; raises InvalidReplyError that says what is wrong."""
    candidates = find_json(text)
    if not candidates:
        raise InvalidReplyError("the reply holds no JSON" if text.strip() else "the reply is empty")
    objects = [value for value in candidates if isinstance(value, dict)]
    if len(objects) > 1:
        candidates.append(objects)
    valid: list[list[M]] = []
    problems: list[tuple[int, str]] = []
    for candidate in candidates:
        for rows in _find_rows(candidate, n_questions):
            try:
                answers = _check_rows(rows, answer, n_questions=n_questions)
            except InvalidReplyError as error:
                problems.append((len(rows), str(error)))
                continue
            if answers not in valid:
                valid.append(answers)
    if len(valid) == 1:
        return valid[0]
    if valid:
        raise InvalidReplyError("the reply holds several different sets of answers; give one")
    raise InvalidReplyError(max(problems)[1] if problems else 'the JSON is not of the form {"answers": [...]}')


def _find_rows(value: Any, n_questions: int) -> Iterator[list[dict[str, Any]]]:
    """The shapes in which models send rows: wrapped, bare, keyed by number, or one object for a list of one."""
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            yield _number_single(value, n_questions)
        return
    if not isinstance(value, dict):
        return
    inner = value.get("answers", next(iter(value.values())) if len(value) == 1 else None)
    if isinstance(inner, dict) and "number" not in value:
        inner = [inner] if "number" in inner or n_questions == 1 else _rows_by_number(inner)
    if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner):
        yield _number_single(inner, n_questions)
    elif "number" in value or (n_questions == 1 and "answers" not in value):
        yield _number_single([value], n_questions)
    elif rows := _rows_by_number(value):
        yield rows


def _number_single(rows: list[dict[str, Any]], n_questions: int) -> list[dict[str, Any]]:
    """One answer to one question needs no number; everywhere else it must be there."""
    if n_questions == len(rows) == 1 and "number" not in rows[0]:
        return [{"number": 1, **rows[0]}]
    return rows


def _rows_by_number(value: dict[str, Any]) -> list[dict[str, Any]]:
    if not value or not all(key.isdecimal() and isinstance(row, dict) for key, row in value.items()):
        return []
    return [{"number": key, **row} for key, row in value.items() if str(row.get("number", key)) == key]


def _check_rows(rows: list[dict[str, Any]], answer: type[M], *, n_questions: int) -> list[M]:
    found: dict[int, M] = {}
    for row in rows:
        try:
            one = answer.model_validate(row)
        except ValidationError as error:
            raise InvalidReplyError(f"answer {_show(row.get('number'))}: {_describe(error)}") from None
        if not 1 <= one.number <= n_questions:
            raise InvalidReplyError(f"number {one.number} was not asked; the questions are numbered 1 to {n_questions}")
        if one.number in found:
            raise InvalidReplyError(f"question {one.number} is answered twice; answer each exactly once")
        found[one.number] = one
    missing = [str(number) for number in range(1, n_questions + 1) if number not in found]
    if missing:
        raise InvalidReplyError(f"no answer to question {', '.join(missing)}; answer every question")
    return [found[number] for number in range(1, n_questions + 1)]


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the answer'}: {problem['msg']}"
        + ("" if problem["type"] == "missing" else f" (got {_show(problem['input'])})")
        for problem in problems[:3]
    )


def _show(value: Any) -> str:
    """A value short enough for a message, and no second stage for what it may try to say."""
    return f"{value!r:.60}"
