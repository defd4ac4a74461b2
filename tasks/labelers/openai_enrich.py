"""Descriptions of items as a form of the engine: short, in a voice of the catalog's choice, and checked against the text.

Building reads prompts/enrich.md; the rest is pure. Time O(text).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tasks.contracts.labels import EnrichmentConfig
from tasks.labelers.grounding import check_enrichment
from tasks.labelers.openai_forms import PromptForm, describe_item, match_name, redact
from tasks.labelers.openai_schemas import AspectWords, EnrichReply, EnrichReplyWithAspects
from tasks.labelers.protocol import Enrichment, ItemText
from tasks.llm.errors import InvalidReplyError
from tasks.llm.prompts import PromptTemplate, load_prompt
from tasks.llm.redact import NO_REDACTION, Redaction
from tasks.llm.schema import build_schema

EnrichForm = PromptForm[ItemText, Any, Enrichment]

TOLERANCE = 1.5
"""A summary that is longer than was asked for by up to this factor is taken: models count words badly."""

DEFAULTS = EnrichmentConfig()


def build_enrich_form(
    prompts_dir: Path,
    aspects: Sequence[str],
    *,
    redaction: Redaction = NO_REDACTION,
    config: EnrichmentConfig = DEFAULTS,
) -> EnrichForm:
    """Describe items; `aspects` are the names that the catalog file asks about, config says how long and in which voice."""
    reply: type[EnrichReply | EnrichReplyWithAspects] = EnrichReplyWithAspects if aspects else EnrichReply
    schema = build_schema(reply, {"aspect": aspects} if aspects else {})
    shared = {"aspects": list(aspects), "summary_words": config.summary_words, "voice": config.voice.strip()}
    template = PromptTemplate(load_prompt(prompts_dir / "enrich.md"), schema=schema, shared=shared, redaction=redaction)
    known = {name.casefold(): name for name in aspects}

    def convert(reply: EnrichReply | EnrichReplyWithAspects, item: ItemText) -> Enrichment:
        n_words = len(reply.summary.split())
        if n_words > TOLERANCE * config.summary_words:
            raise InvalidReplyError(
                f"answer {reply.number}: the summary has {n_words} words; write at most {config.summary_words}"
            )
        entries = reply.aspects if isinstance(reply, EnrichReplyWithAspects) else []
        given = _name_aspects(entries, known, number=reply.number)
        enrichment = Enrichment(
            summary=reply.summary,
            themes=tuple(reply.themes),
            mood=reply.mood,
            audience=reply.audience,
            keywords=tuple(reply.keywords),
            aspects={name: entry.words for name, entry in given.items()},
            confidence=reply.confidence,
        )
        quotes = {name: entry.quote for name, entry in given.items()}
        return check_enrichment(enrichment, _sources(redaction, item), quotes=quotes)

    return PromptForm(template, reply, partial(describe_item, redaction), convert, tokens_per_answer=200)


def _name_aspects(entries: Sequence[AspectWords], known: dict[str, str], *, number: int) -> dict[str, AspectWords]:
    given: dict[str, AspectWords] = {}
    for entry in entries:
        name = match_name(entry.aspect, known, kind="aspect", number=number)
        if name in given:
            raise InvalidReplyError(f"answer {number}: aspect {name!r} is given twice; give each at most once")
        given[name] = entry
    return given


def _sources(redaction: Redaction, item: ItemText) -> list[str]:
    """The item as it is and as the model saw it: a placeholder that stood in the prompt was not invented."""
    texts = [item.title, item.text, item.author]
    return [*texts, *(redact(redaction, text) for text in texts if redaction)]
