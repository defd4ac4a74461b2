"""The four questions as forms of the engine: what of each goes into the prompt, and how a reply becomes an answer.

Pure once built; building reads the prompt files. No key of an item or a user is ever put into a prompt: questions are
numbered, and their keys stay here. A redaction takes out what else must not leave, from every text that others wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from tasks.contracts.errors import ConfigError
from tasks.labelers.openai_schemas import (
    EnrichReply,
    EnrichReplyWithAspects,
    JudgeReply,
    SimilarReply,
    TopicsReply,
)
from tasks.labelers.protocol import (
    Enrichment,
    ItemText,
    JudgeAnswer,
    JudgeQuestion,
    PairQuestion,
    ScoredTopic,
    SimilarAnswer,
    TopicAnswer,
    TopicDefinition,
    UserText,
    taxonomy_names,
)
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data, neutralise
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.reading import Read, canonical_text
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import NumberedAnswer, build_schema
from tasks.llm.structured import read_answers
from tasks.llm.types import Prompt

Q = TypeVar("Q")
A = TypeVar("A")
M = TypeVar("M", bound=NumberedAnswer)

HISTORY_TITLES = 10
NAMES_SHOWN = 20


def _nothing_shared(questions: Sequence[Any]) -> Mapping[str, Any]:
    return {}


def _no_group(question: Any) -> str:
    return ""


@dataclass(frozen=True)
class PromptForm(Generic[Q, M, A]):
    """A form that is asked by a prompt file and answered by a reply model.

    describe gives the template's variables of one question, share those of a whole request, group_of what the questions
    of one request must have in common; convert turns one reply into an answer, or raises InvalidReplyError.
    """

    template: PromptTemplate
    reply: type[M]
    describe: Callable[[Q], Mapping[str, Any]]
    convert: Callable[[M, Q], A]
    tokens_per_answer: int
    share: Callable[[Sequence[Q]], Mapping[str, Any]] = _nothing_shared
    group_of: Callable[[Q], str] = _no_group

    def group(self, question: Q) -> str:
        """What the questions of one request have in common."""
        return self.group_of(question)

    def render(self, questions: Sequence[Q]) -> Prompt:
        """The prompt that asks `questions`."""
        return self.template.render([self.describe(question) for question in questions], **self.share(questions))

    def read(self, text: str, questions: Sequence[Q]) -> list[Read[A]]:
        """One answer per question, with the text that says it alone; raises InvalidReplyError."""
        replies = read_answers(text, self.reply, n_questions=len(questions))
        return [
            Read(self.convert(reply, question), canonical_text(reply))
            for reply, question in zip(replies, questions, strict=True)
        ]

    def split(self, text: str, n_questions: int) -> list[str]:
        """The reply to n questions as one canonical reply for each; raises InvalidReplyError."""
        return [canonical_text(reply) for reply in read_answers(text, self.reply, n_questions=n_questions)]


EnrichForm = PromptForm[ItemText, Any, Enrichment]
TopicsForm = PromptForm[ItemText, TopicsReply, TopicAnswer]
SimilarForm = PromptForm[PairQuestion, SimilarReply, SimilarAnswer]
JudgeForm = PromptForm[JudgeQuestion, JudgeReply, JudgeAnswer]


def build_enrich_form(prompts_dir: Path, aspects: Sequence[str], *, redaction: Redaction = NO_REDACTION) -> EnrichForm:
    """Describe items; `aspects` are the names that the catalog file asks about."""
    reply: type[EnrichReply | EnrichReplyWithAspects] = EnrichReplyWithAspects if aspects else EnrichReply
    schema = build_schema(reply, {"aspect": aspects} if aspects else {})
    file = load_prompt(prompts_dir / "enrich.md")
    template = PromptTemplate(file, schema=schema, shared={"aspects": list(aspects)}, redaction=redaction)
    known = {name.casefold(): name for name in aspects}

    def convert(reply: EnrichReply | EnrichReplyWithAspects, item: ItemText) -> Enrichment:
        given: dict[str, str] = {}
        for entry in reply.aspects if isinstance(reply, EnrichReplyWithAspects) else ():
            name = _match_name(entry.aspect, known, kind="aspect", number=reply.number)
            if name in given:
                raise InvalidReplyError(
                    f"answer {reply.number}: aspect {name!r} is given twice; give each at most once"
                )
            given[name] = entry.words
        return Enrichment(
            summary=reply.summary,
            themes=tuple(reply.themes),
            mood=reply.mood,
            audience=reply.audience,
            keywords=tuple(reply.keywords),
            aspects=given,
            confidence=reply.confidence,
        )

    return PromptForm(template, reply, partial(_describe_item, redaction), convert, tokens_per_answer=180)


def build_topics_form(
    prompts_dir: Path, taxonomy: Sequence[TopicDefinition], *, redaction: Redaction = NO_REDACTION
) -> TopicsForm:
    """Label items with the topics of `taxonomy`; raises ConfigError where it is empty."""
    if not taxonomy:
        raise ConfigError("the catalog has no taxonomy; add [[taxonomy]] tables before topics are labeled")
    names = taxonomy_names(taxonomy)
    schema = build_schema(TopicsReply, {"topic": names})
    file = load_prompt(prompts_dir / "topics.md")
    template = PromptTemplate(file, schema=schema, shared={"taxonomy": list(taxonomy)}, redaction=redaction)
    known = {name.casefold(): name for name in names}

    def convert(reply: TopicsReply, item: ItemText) -> TopicAnswer:
        topics = [
            ScoredTopic(_match_name(share.topic, known, kind="topic", number=reply.number), share.confidence)
            for share in reply.topics
        ]
        if len({topic.topic for topic in topics}) < len(topics):
            raise InvalidReplyError(f"answer {reply.number}: a topic is given twice; give each at most once")
        return TopicAnswer(tuple(sorted(topics, key=lambda topic: -topic.confidence)), reply.reason)

    return PromptForm(template, TopicsReply, partial(_describe_item, redaction), convert, tokens_per_answer=50)


def build_similar_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION) -> SimilarForm:
    """Compare pairs. The cosine is not sent: the model is to look for itself."""
    file = load_prompt(prompts_dir / "similar.md")
    template = PromptTemplate(file, schema=build_schema(SimilarReply, {}), shared={}, redaction=redaction)

    def describe(pair: PairQuestion) -> Mapping[str, Any]:
        return {"a": _show_item(redaction, pair.a), "b": _show_item(redaction, pair.b)}

    def convert(reply: SimilarReply, pair: PairQuestion) -> SimilarAnswer:
        if reply.is_similar != (reply.probability >= 0.5) and reply.probability != 0.5:
            verdict = str(reply.is_similar).lower()
            raise InvalidReplyError(
                f"answer {reply.number}: is_similar {verdict} contradicts probability {reply.probability:g}, "
                "which is the probability that the two are similar"
            )
        return SimilarAnswer(reply.is_similar, reply.probability, reply.reason)

    return PromptForm(template, SimilarReply, describe, convert, tokens_per_answer=45)


def build_judge_form(prompts_dir: Path, *, redaction: Redaction = NO_REDACTION) -> JudgeForm:
    """Grade items for one user; all questions of a request must be about the same one."""
    file = load_prompt(prompts_dir / "judge.md")
    template = PromptTemplate(file, schema=build_schema(JudgeReply, {}), shared={}, redaction=redaction)

    def describe(question: JudgeQuestion) -> Mapping[str, Any]:
        return {"item": _show_item(redaction, question.item, topics=tuple(question.topics))}

    def share(questions: Sequence[JudgeQuestion]) -> Mapping[str, Any]:
        return {"profile": _show_user(redaction, questions[0].user)}

    def convert(reply: JudgeReply, question: JudgeQuestion) -> JudgeAnswer:
        return JudgeAnswer(reply.relevance, reply.confidence, reply.reason)

    return PromptForm(template, JudgeReply, describe, convert, tokens_per_answer=45, share=share, group_of=_user_of)


def _describe_item(redaction: Redaction, item: ItemText) -> Mapping[str, Any]:
    return {"item": _show_item(redaction, item)}


def _show_item(redaction: Redaction, item: ItemText, topics: Sequence[str] = ()) -> Data:
    """`topics` are names of the catalog's own taxonomy, so they stay as they are."""
    clean = partial(_redact, redaction)
    return Data.of(title=clean(item.title), author=clean(item.author), topics=topics, text=clean(item.text))


def _show_user(redaction: Redaction, user: UserText) -> Data:
    clean = partial(_redact, redaction)
    return Data.of(
        summary=clean(user.summary),
        job=clean(user.job),
        interests=[clean(name) for name in user.interests],
        hobbies=[clean(name) for name in user.hobbies],
        skills=[clean(name) for name in user.skills],
        recently_read=[clean(item.title) for item in user.history[:HISTORY_TITLES]],
    )


def _redact(redaction: Redaction, text: str) -> str:
    """Neutralised first, so that no invisible character hides from the patterns what a reader would see."""
    return redaction.apply(neutralise(text)) if redaction else text


def _user_of(question: JudgeQuestion) -> str:
    return question.user.key


def _match_name(given: str, known: Mapping[str, str], *, kind: str, number: int) -> str:
    """The name as the catalog spells it; upper and lower case are no difference."""
    if given.casefold() not in known:
        names = list(known.values())
        more = ", …" if len(names) > NAMES_SHOWN else ""
        expected = ", ".join(names[:NAMES_SHOWN]) + more
        raise InvalidReplyError(f"answer {number}: unknown {kind} {given!r:.60}; expected one of {expected}")
    return known[given.casefold()]
