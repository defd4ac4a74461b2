"""Questions as forms of the engine: what of each goes into the prompt, and how a reply becomes an answer; here the judge's.

The other tasks' forms are in openai_enrich, openai_topics and openai_similar. Pure once built, but for counting measured
confidences; building reads the prompt files. Time O(text). No key of an item or a user is ever put into a prompt: questions are
numbered, and their keys stay here. A redaction takes out what else must not leave, from every text that others wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from tasks.labelers.openai_schemas import JudgeReply
from tasks.labelers.protocol import ItemText, JudgeAnswer, JudgeQuestion, UserText
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data, neutralise
from tasks.llm.logprobs import Values, measure_values, stored_values
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.reading import Read, canonical_text
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import NumberedAnswer, build_schema
from tasks.llm.structured import read_answers
from tasks.llm.types import Prompt, Token

Q = TypeVar("Q")
A = TypeVar("A")
M = TypeVar("M", bound=NumberedAnswer)

HISTORY_TITLES = 10
NAMES_SHOWN = 20


@dataclass
class Tally:
    """How many confidences were measured by a model's own probabilities, and how many could not be."""

    n_measured: int = 0
    n_stated: int = 0


@dataclass(frozen=True)
class Measure(Generic[A]):
    """How a confidence follows from the probabilities of the values of `name` in an answer."""

    name: str
    confide: Callable[[A, Values], A]
    tally: Tally = field(default_factory=Tally)


def _nothing_shared(questions: Sequence[Any]) -> Mapping[str, Any]:
    return {}


def _no_group(question: Any) -> str:
    return ""


@dataclass(frozen=True)
class PromptForm(Generic[Q, M, A]):
    """A form that is asked by a prompt file and answered by a reply model.

    describe gives the template's variables of one question, share those of a whole request, group_of what the questions
    of one request must have in common; convert turns one reply into an answer, or raises InvalidReplyError. With measure,
    confidences are those of the model's tokens; where they can't be had, the stated one stays and is counted.
    """

    template: PromptTemplate
    reply: type[M]
    describe: Callable[[Q], Mapping[str, Any]]
    convert: Callable[[M, Q], A]
    tokens_per_answer: int
    share: Callable[[Sequence[Q]], Mapping[str, Any]] = _nothing_shared
    group_of: Callable[[Q], str] = _no_group
    measure: Measure[A] | None = None

    def group(self, question: Q) -> str:
        """What the questions of one request have in common."""
        return self.group_of(question)

    def render(self, questions: Sequence[Q]) -> Prompt:
        """The prompt that asks `questions`."""
        return self.template.render([self.describe(question) for question in questions], **self.share(questions))

    def read(self, text: str, questions: Sequence[Q], tokens: Sequence[Token] | None = None) -> list[Read[A]]:
        """One answer per question, with the text that says it alone; raises InvalidReplyError."""
        replies = read_answers(text, self.reply, n_questions=len(questions))
        measured = self._measure(text, len(questions), tokens)
        return [
            Read(
                self._confide(self.convert(reply, question), measured.get(reply.number)),
                canonical_text(reply, measured.get(reply.number)),
            )
            for reply, question in zip(replies, questions, strict=True)
        ]

    def split(self, text: str, n_questions: int, tokens: Sequence[Token] = ()) -> list[str]:
        """The reply to n questions as one canonical reply for each; raises InvalidReplyError."""
        replies = read_answers(text, self.reply, n_questions=n_questions)
        measured = self._measure(text, n_questions, tokens)
        return [canonical_text(reply, measured.get(reply.number)) for reply in replies]

    def _measure(self, text: str, n_questions: int, tokens: Sequence[Token] | None) -> dict[int, Values]:
        if self.measure is None:
            return {}
        if tokens is None:
            stored = stored_values(text)
            return {} if stored is None else {1: stored}
        return measure_values(text, tokens, name=self.measure.name, n_questions=n_questions)

    def _confide(self, answer: A, values: Values | None) -> A:
        if self.measure is None:
            return answer
        if values is None:
            self.measure.tally.n_stated += 1
            return answer
        self.measure.tally.n_measured += 1
        return self.measure.confide(answer, values)


JudgeForm = PromptForm[JudgeQuestion, JudgeReply, JudgeAnswer]


def build_judge_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION, is_measured: bool = False) -> JudgeForm:
    """Grade items for one user; all questions of a request must be about the same one."""
    file = load_prompt(prompts_dir / "judge.md")
    template = PromptTemplate(file, schema=build_schema(JudgeReply, {}), shared={}, redaction=redaction)

    def describe(question: JudgeQuestion) -> Mapping[str, Any]:
        return {"item": show_item(redaction, question.item, topics=tuple(question.topics))}

    def share(questions: Sequence[JudgeQuestion]) -> Mapping[str, Any]:
        return {"profile": show_user(redaction, questions[0].user)}

    def convert(reply: JudgeReply, question: JudgeQuestion) -> JudgeAnswer:
        return JudgeAnswer(reply.relevance, reply.confidence, reply.reason)

    def confide(answer: JudgeAnswer, values: Values) -> JudgeAnswer:
        return replace(answer, confidence=values[0][1]) if values else answer

    measure = Measure("relevance", confide) if is_measured else None
    return PromptForm(
        template,
        JudgeReply,
        describe,
        convert,
        tokens_per_answer=45,
        share=share,
        group_of=_user_of,
        measure=measure,
    )


def describe_item(redaction: Redaction, item: ItemText) -> Mapping[str, Any]:
    """The variables of a question that is one item."""
    return {"item": show_item(redaction, item)}


def show_item(redaction: Redaction, item: ItemText, topics: Sequence[str] = ()) -> Data:
    """An item as a prompt shows it. `topics` are names of the catalog's own taxonomy, so they stay as they are."""
    clean = partial(redact, redaction)
    return Data.of(title=clean(item.title), author=clean(item.author), topics=topics, text=clean(item.text))


def show_user(redaction: Redaction, user: UserText, *, n_titles: int = HISTORY_TITLES) -> Data:
    """A profile as a prompt shows it, with the first n_titles of the history."""
    clean = partial(redact, redaction)
    return Data.of(
        summary=clean(user.summary),
        job=clean(user.job),
        interests=[clean(name) for name in user.interests],
        hobbies=[clean(name) for name in user.hobbies],
        skills=[clean(name) for name in user.skills],
        recently_read=[clean(item.title) for item in user.history[:n_titles]],
    )


def redact(redaction: Redaction, text: str) -> str:
    """Text of others without what must not leave.

    Neutralised first, so that no invisible character hides from the patterns what a reader would see.
    """
    return redaction.apply(neutralise(text)) if redaction else text


def _user_of(question: JudgeQuestion) -> str:
    return question.user.key


def match_name(given: str, known: Mapping[str, str], *, kind: str, number: int) -> str:
    """The name as the catalog spells it; upper and lower case are no difference. Raises InvalidReplyError."""
    if given.casefold() not in known:
        names = list(known.values())
        more = ", …" if len(names) > NAMES_SHOWN else ""
        expected = ", ".join(names[:NAMES_SHOWN]) + more
        raise InvalidReplyError(f"answer {number}: unknown {kind} {given!r:.60}; expected one of {expected}")
    return known[given.casefold()]
