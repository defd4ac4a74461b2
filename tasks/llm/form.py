"""The seam between the engine and whoever asks: how questions become a prompt, and a reply becomes answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tasks.llm.types import NOTHING_USED, Prompt, TokenUsage, Trouble

Q = TypeVar("Q")
A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class Form(Protocol[Q_contra, A_co]):
    """One kind of question. Pure: the same questions always give the same prompt, or nothing could be paid once."""

    @property
    def tokens_per_answer(self) -> int:
        """About how many tokens one answer takes, for estimates."""
        ...

    def render(self, questions: Sequence[Q_contra]) -> Prompt:
        """The prompt that asks `questions`, numbered from 1 in this order."""
        ...

    def read(self, text: str, questions: Sequence[Q_contra]) -> Sequence[A_co]:
        """One answer per question, in their order; raises InvalidReplyError for a reply that is not exactly that."""
        ...


@dataclass(frozen=True)
class Outcome(Generic[Q, A]):
    """A question with its answer or the trouble that there was; exactly one of both is set.

    Outcomes of one request share its cost: only the first carries it. attempts counts the asks that held the question.
    """

    question: Q
    answer: A | None
    trouble: Trouble | None = None
    usage: TokenUsage = NOTHING_USED
    attempts: int = 0
