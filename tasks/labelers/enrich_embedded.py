"""Enrichment that extracts and does not invent: every phrase and sentence stands in the item's own text. Pure.

- summary: its most central sentences (`summaries`)
- keywords: its key phrases (`keyphrases`)
- themes: its key phrases of several words
- mood: the nearest of six described moods, or neutral; audience likewise (`tone`)
- aspects: phrases of the text for each aspect that the catalog asks for (`aspects`)
- confidence: how much of the text's vocabulary the summary carries, in [0, 1]; a measure of coverage, no probability
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.embedding.protocol import Embedder, Matrix
from tasks.labelers.aspects import collect_phrases, find_aspects
from tasks.labelers.grounding import check_enrichment
from tasks.labelers.keyphrases import KeyPhrase, choose_keyphrases, extract_keyphrases
from tasks.labelers.phrase_vectors import PhraseVectors
from tasks.labelers.protocol import Enrichment, ItemText
from tasks.labelers.scale import Scale
from tasks.labelers.summaries import MAX_WORDS, summarise
from tasks.labelers.tone import AUDIENCES, MOODS, NO_AUDIENCE, NO_MOOD, Lexicon, load_lexicon

MAX_KEYWORDS = 8
MAX_THEMES = 4
MIN_THEMES = 2

_MAX_CHARS = 20_000
"""A book is read this far: about 3,500 words say what it is about."""


@dataclass(frozen=True, eq=False)
class Tone:
    """The lexicons of moods and audiences, measured for one embedder."""

    moods: Lexicon
    audiences: Lexicon


def load_tone(embedder: Embedder, scale: Scale) -> Tone:
    """Embed the moods' and audiences' descriptions."""
    return Tone(
        moods=load_lexicon(MOODS, default=NO_MOOD, embedder=embedder, scale=scale),
        audiences=load_lexicon(AUDIENCES, default=NO_AUDIENCE, embedder=embedder, scale=scale),
    )


def answer_enrich(
    items: Sequence[ItemText],
    vectors: Matrix,
    *,
    aspects: Sequence[str],
    phrases: PhraseVectors,
    scale: Scale,
    tone: Tone,
    summary_words: int = MAX_WORDS,
) -> list[Enrichment]:
    """One enrichment an item, checked against its text; vectors are the items' own, shape (n, d)."""
    texts = [item.text[:_MAX_CHARS] for item in items]
    keyphrases = [extract_keyphrases(item.title, text) for item, text in zip(items, texts, strict=True)]
    if aspects:
        # Embeds all phrases of the chunk in one call; `find_aspects` then finds them in the cache.
        phrases.encode(
            [
                phrase
                for item, text, found in zip(items, texts, keyphrases, strict=True)
                for phrase in collect_phrases(aspects, title=item.title, text=text, keyphrases=found)
            ]
        )
    moods = tone.moods.classify(vectors)
    audiences = tone.audiences.classify(vectors)
    answers = []
    for item, text, found, mood, audience in zip(items, texts, keyphrases, moods, audiences, strict=True):
        summary = summarise(item.title, text, max_words=summary_words)
        enrichment = Enrichment(
            summary=summary.text,
            themes=choose_themes(found),
            mood=mood,
            audience=audience,
            keywords=tuple(phrase.text for phrase in choose_keyphrases(found, n=MAX_KEYWORDS)),
            aspects=find_aspects(aspects, title=item.title, text=text, keyphrases=found, phrases=phrases, scale=scale),
            confidence=summary.coverage,
        )
        answers.append(check_enrichment(enrichment, (item.title, item.text, item.author)))
    return answers


def choose_themes(keyphrases: Sequence[KeyPhrase]) -> tuple[str, ...]:
    """Phrases of several words that come back in the text; where fewer than two do, also such that occur once."""
    several = [phrase for phrase in keyphrases if len(phrase.stems) > 1]
    back = choose_keyphrases([phrase for phrase in several if phrase.n > 1], n=MAX_THEMES)
    if len(back) < MIN_THEMES:
        once = [phrase for phrase in several if phrase.n == 1]
        back = choose_keyphrases([*back, *once], n=MIN_THEMES)
    return tuple(phrase.text for phrase in back)
