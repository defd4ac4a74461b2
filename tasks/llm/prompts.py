"""Prompts are Markdown files: front matter, then a `# System` and a `# User` part, both Jinja2 templates.

Reads the files of a folder; writes nothing. The system part may use only what is the same for every request of a run
(the taxonomy), so that it comes first and servers can cache it; the user part sees the questions. An unknown variable
is an error, and so is text of others that is not put through the `data` filter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError, pass_context
from jinja2.runtime import Context

from tasks.contracts.errors import ConfigError
from tasks.llm.hostile import Data, Fence, neutralise
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.types import Prompt

PROMPTS_DIR = Path(__file__).resolve().parents[2] / "prompts"
FRONT_MATTER = ("task", "schema", "version", "note")


@dataclass(frozen=True)
class PromptFile:
    """One prompt as it stands in its file. version and note are for people; they change no answer and no hash."""

    task: str
    schema: str
    version: str
    note: str
    system: str
    user: str


def load_prompt(path: Path) -> PromptFile:
    """Read a prompt file; raises ConfigError that names the file and what is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"prompt {str(path)!r} can't be read ({error}); put the file there") from error
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    values = _read_front_matter(head, path) if text.startswith("---\n") else {}
    missing = [name for name in FRONT_MATTER if not values.get(name)]
    if missing:
        raise ConfigError(
            f"prompt {str(path)!r} has no {missing[0]!r}; begin it with --- lines and {', '.join(FRONT_MATTER)}"
        )
    before, _, parts = body.partition("# System\n")
    system, mark, user = parts.partition("\n# User\n")
    if before.strip() or not mark or not system.strip() or not user.strip():
        raise ConfigError(
            f"prompt {str(path)!r} needs a '# System' part and then a '# User' part, and nothing before them"
        )
    return PromptFile(**values, system=system.strip(), user=user.strip())


def _read_front_matter(head: str, path: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.strip() not in FRONT_MATTER:
            raise ConfigError(
                f"prompt {str(path)!r}: unknown {name.strip()!r}; expected one of {', '.join(FRONT_MATTER)}"
            )
        values[name.strip()] = value.strip()
    return values


class PromptTemplate:
    """A prompt file with what is the same for a whole run; renders the questions of one request."""

    def __init__(
        self,
        file: PromptFile,
        *,
        schema: Mapping[str, Any],
        shared: Mapping[str, Any],
        redaction: Redaction = NO_REDACTION,
    ) -> None:
        """`shared` is what both parts may use; raises ConfigError where the template does not fit it.

        redaction is what was done to the texts of others before they come here; it is part of the hash.
        """
        environment = Environment(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
        )
        environment.filters["data"] = _fence_data
        self._file = file
        self._schema = schema
        self._shared = dict(shared)
        self._redaction = redaction
        try:
            self._system = environment.from_string(file.system).render(self._shared)
            self._user = environment.from_string(file.user)
        except (TemplateError, TypeError) as error:
            raise ConfigError(
                f"prompt {file.task!r} can't be rendered: {error}; correct prompts/{file.task}.md"
            ) from error

    @property
    def file(self) -> PromptFile:
        """The file that it was made from."""
        return self._file

    @property
    def system(self) -> str:
        """The system part, rendered."""
        return self._system

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of the reply."""
        return self._schema

    @property
    def hash(self) -> str:
        """16 hex digits that change when what the model is told changes: instructions, taxonomy, schema, redaction."""
        parts = [self._system, self._file.user, self._schema, *([self._redaction.key] if self._redaction else [])]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def render(self, questions: Sequence[Mapping[str, Any]], **per_request: Any) -> Prompt:
        """The prompt for `questions`, each of which gets its number, 1..n."""
        numbered = [{"number": number, **question} for number, question in enumerate(questions, start=1)]
        fence = Fence.around(_find_data([numbered, per_request]))
        try:
            user = self._user.render(**self._shared, **per_request, questions=numbered, fence=fence)
        except (TemplateError, TypeError) as error:
            raise ConfigError(
                f"prompt {self._file.task!r} can't be rendered: {error}; correct prompts/{self._file.task}.md"
            ) from error
        return Prompt(
            system=self._system,
            user=user,
            schema_name=self._file.schema,
            schema=self._schema,
            n_questions=len(questions),
        )


class _Fenced(str):
    """Output of the data filter, which is passed on as it is."""


@pass_context
def _fence_data(context: Context, data: Data) -> _Fenced:
    fence = context.get("fence")
    if not isinstance(fence, Fence) or not isinstance(data, Data):
        raise TypeError("the data filter takes text of others, in the user part")
    return _Fenced(fence.wrap(data))


def _finalize(value: Any) -> Any:
    if isinstance(value, _Fenced):
        return value
    return neutralise(value) if isinstance(value, str) else str(value)


def _find_data(value: Any) -> Iterator[Data]:
    if isinstance(value, Data):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _find_data(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _find_data(part)
