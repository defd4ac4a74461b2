"""Asking every question several times: the same prompt under keys of its own, and the answers brought together again.

Pure but for the outcomes that it takes in. Memory O(questions whose answers are not all there), which batching bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tasks.llm.form import Form, Outcome
from tasks.llm.reading import Read
from tasks.llm.types import NOTHING_USED, Prompt, Token

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True)
class Sampled(Generic[Q]):
    """One of the askings of a question: the question, which asking, and the question's place in the stream."""

    question: Q
    sample: int
    place: int


def sample_questions(questions: Iterable[Q], n: int) -> Iterator[Sampled[Q]]:
    """Every question n times, one behind the other."""
    for place, question in enumerate(questions):
        for sample in range(n):
            yield Sampled(question, sample, place)


class SampledForm(Generic[Q, A]):
    """A Form over askings; those of one question never share a request, or a model would see its own answer."""

    def __init__(self, form: Form[Q, A]) -> None:
        self._form = form

    @property
    def tokens_per_answer(self) -> int:
        """As the form's."""
        return self._form.tokens_per_answer

    def group(self, asked: Sampled[Q]) -> str:
        """The same asking of questions that may share a request."""
        return f"{asked.sample}|{self._form.group(asked.question)}"

    def render(self, questions: Sequence[Sampled[Q]]) -> Prompt:
        """The form's prompt, marked with the asking."""
        return replace(self._form.render([asked.question for asked in questions]), sample=questions[0].sample)

    def read(
        self, text: str, questions: Sequence[Sampled[Q]], tokens: Sequence[Token] | None = None
    ) -> Sequence[Read[A]]:
        """As the form's."""
        return self._form.read(text, [asked.question for asked in questions], tokens)

    def split(self, text: str, n_questions: int, tokens: Sequence[Token] = ()) -> Sequence[str]:
        """As the form's."""
        return self._form.split(text, n_questions, tokens)


@dataclass(frozen=True)
class Gathered(Generic[Q, A]):
    """All answers to one question by asking, and an outcome with what they have cost together.

    The outcome's answer is None; its trouble is the last there was. Cost that came in since the last question was gathered
    counts here, so that sums are right.
    """

    answers: tuple[A, ...]
    outcome: Outcome[Q, A]


def gather(outcomes: Iterable[Outcome[Sampled[Q], A]], n: int) -> Iterator[Gathered[Q, A]]:
    """Questions in the order in which the last of their n outcomes is in."""
    waiting: dict[int, list[Outcome[Sampled[Q], A]]] = {}
    usage, cost_usd = NOTHING_USED, 0.0
    for outcome in outcomes:
        asked = outcome.question
        usage, cost_usd = usage + outcome.usage, cost_usd + outcome.cost_usd
        group = waiting.setdefault(asked.place, [])
        group.append(outcome)
        if len(group) < n:
            continue
        del waiting[asked.place]
        group.sort(key=lambda one: one.question.sample)
        answers = tuple(one.answer for one in group if one.answer is not None)
        trouble = next((one.trouble for one in reversed(group) if one.trouble is not None), None)
        attempts = sum(one.attempts for one in group)
        yield Gathered(answers, Outcome(asked.question, None, trouble, usage, cost_usd, attempts))
        usage, cost_usd = NOTHING_USED, 0.0
