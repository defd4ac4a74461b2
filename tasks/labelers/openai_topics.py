"""Topics as a form of the engine: the taxonomy's tree, what people filed similar items under, and one answer an item.

Building reads prompts/topics.md; the rest is pure. Time O(text + topics).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.contracts.errors import ConfigError
from tasks.labelers.openai_forms import Measure, PromptForm, match_name, redact, show_item
from tasks.labelers.openai_schemas import TopicsReply
from tasks.labelers.protocol import ItemText, ScoredTopic, TopicAnswer, TopicDefinition, taxonomy_names
from tasks.labelers.taxonomy import drop_implied, parents_of
from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data, neutralise
from tasks.llm.logprobs import Values
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import build_schema

NONE_OF_THESE = "none of these"

TopicsForm = PromptForm[ItemText, TopicsReply, TopicAnswer]


def build_topics_form(
    prompts_dir: Path,
    taxonomy: Sequence[TopicDefinition],
    *,
    redaction: Redaction = NO_REDACTION,
    gold_examples: int = 0,
    is_measured: bool = False,
) -> TopicsForm:
    """Label items with the topics of `taxonomy`; raises ConfigError where it is empty.

    gold_examples is how many of people's labels stand beside each item at most; with 0 the prompt does not speak of them.
    """
    if not taxonomy:
        raise ConfigError("the catalog has no taxonomy; add [[taxonomy]] tables before topics are labeled")
    names, parents = taxonomy_names(taxonomy), parents_of(taxonomy)
    schema = build_schema(TopicsReply, {"topic": names})
    shared = {"taxonomy": list(taxonomy), "has_levels": bool(parents), "gold_examples": gold_examples}
    template = PromptTemplate(load_prompt(prompts_dir / "topics.md"), schema=schema, shared=shared, redaction=redaction)
    known = {name.casefold(): name for name in names}

    def describe(item: ItemText) -> Mapping[str, Any]:
        shown = {"item": show_item(redaction, item)}
        return {**shown, "filed": _show_examples(redaction, item, n=gold_examples)} if gold_examples else shown

    def convert(reply: TopicsReply, item: ItemText) -> TopicAnswer:
        topics = [
            ScoredTopic(match_name(share.topic, known, kind="topic", number=reply.number), share.confidence)
            for share in reply.topics
        ]
        if len({topic.topic for topic in topics}) < len(topics):
            raise InvalidReplyError(f"answer {reply.number}: a topic is given twice; give each at most once")
        topics.sort(key=lambda topic: -topic.confidence)
        return TopicAnswer(tuple(drop_implied(topics, parents)), reply.reason)

    measure = Measure("topic", confide_topics) if is_measured else None
    return PromptForm(template, TopicsReply, describe, convert, tokens_per_answer=50, measure=measure)


def confide_topics(answer: TopicAnswer, values: Values) -> TopicAnswer:
    """The answer with each topic's own probability as its confidence; the order stays the model's.

    >>> confide_topics(TopicAnswer((ScoredTopic("Sport", 0.9),), ""), (("sport", 0.62),)).confidence
    0.62
    """
    measured = {value.strip().casefold(): share for value, share in values}
    topics = (replace(one, confidence=measured.get(one.topic.casefold(), one.confidence)) for one in answer.topics)
    return replace(answer, topics=tuple(topics))


def _show_examples(redaction: Redaction, item: ItemText, *, n: int) -> Data:
    """Titles are others' text and may say anything; so each stands in one line, before its topic."""
    lines = [
        f"{' '.join(neutralise(redact(redaction, example.title)).split())} → {example.topic or NONE_OF_THESE}"
        for example in item.examples[:n]
    ]
    return Data("\n".join(lines) or "no similar item has been filed yet")
