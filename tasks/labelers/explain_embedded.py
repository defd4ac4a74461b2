"""Explanations that extract and do not invent: the template's reason as a sentence, and a sentence of the item itself. Pure.

Of the item's sentences the one is quoted that shares most words with the profile, the history's titles and the facts; a
longer one, or an item without text, is not quoted. Time O(text).
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.labelers.explaining import check_explanation
from tasks.labelers.protocol import ExplainQuestion, Explanation, Failure
from tasks.labelers.sentences import split_sentences
from tasks.labelers.words import content_stems

MAX_QUOTED_WORDS = 30
SENTENCES_READ = 40
QUOTES = str.maketrans(dict.fromkeys('"“”„«»', "'"))


def answer_explain(questions: Sequence[ExplainQuestion]) -> list[Explanation | Failure]:
    """One answer a question, in order; a question without the fact "reason" is a Failure."""
    return [_explain(question) for question in questions]


def _explain(question: ExplainQuestion) -> Explanation | Failure:
    reason = question.facts.get("reason", "").strip()
    if not reason:
        return Failure(f"no_reason: nothing is known of why {question.item.title!r:.60} is in the list")
    stated = reason[0].upper() + reason[1:].rstrip(".") + "."
    quoted = _find_sentence(question)
    explanation = Explanation(
        text=f'{stated} It says: "{quoted}"' if quoted else stated,
        content=question.facts.get("content"),
        popularity=question.facts.get("popularity"),
        diversity=question.facts.get("diversity"),
        time=question.facts.get("time"),
    )
    return check_explanation(explanation, question)


def _find_sentence(question: ExplainQuestion) -> str:
    user = question.user
    wanted = set(
        content_stems(
            " ".join(
                (
                    user.summary,
                    *user.interests,
                    *user.hobbies,
                    *user.skills,
                    user.job,
                    *(item.title for item in user.history),
                    *question.facts.values(),
                )
            )
        )
    )
    sentences = split_sentences(question.item.text)[:SENTENCES_READ]
    short = [sentence for sentence in sentences if 3 <= len(sentence.split()) <= MAX_QUOTED_WORDS]
    worth = [len(wanted & set(content_stems(sentence))) for sentence in short]
    best = max(range(len(short)), key=lambda place: (worth[place], -place), default=None)
    return "" if best is None else short[best].translate(QUOTES).strip()
