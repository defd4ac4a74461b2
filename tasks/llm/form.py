"""The seam between the engine and whoever asks: how questions become a prompt, and a reply becomes answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tasks.llm.reading import Read
from tasks.llm.types import NOTHING_USED, Prompt, Token, TokenUsage, Trouble

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

    def group(self, question: Q_contra, /) -> str:
        """What the questions of one request must have in common ("": nothing); a judge's requests are about one user."""
        ...

    def render(self, questions: Sequence[Q_contra]) -> Prompt:
        """The prompt that asks `questions`, numbered from 1 in this order."""
        ...

    def read(
        self, text: str, questions: Sequence[Q_contra], tokens: Sequence[Token] | None = None
    ) -> Sequence[Read[A_co]]:
        """One answer per question, in their order; raises InvalidReplyError for a reply that is not exactly that.

        tokens are those of a reply that has just come in, None for the text of a stored one.
        """
        ...

    def split(self, text: str, n_questions: int, tokens: Sequence[Token] = ()) -> Sequence[str]:
        """The reply to n questions as one canonical reply for each, without knowing the questions.

        Raises InvalidReplyError for a reply that does not fit the schema; `read` checks the rest.
        """
        ...


@dataclass(frozen=True)
class Outcome(Generic[Q, A]):
    """A question with its answer or the trouble that there was; exactly one of both is set.

    Outcomes of one request share its cost (US dollars): only the first carries it. attempts counts the asks that held the question;
    0: the answer was stored, or another question's served it.
    """

    question: Q
    answer: A | None
    trouble: Trouble | None = None
    usage: TokenUsage = NOTHING_USED
    cost_usd: float = 0.0
    attempts: int = 0
