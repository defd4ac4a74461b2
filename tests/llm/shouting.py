"""The smallest form: each question is a word, each answer the word in capitals. And a server that answers it right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field

from tasks.llm.errors import InvalidReplyError
from tasks.llm.hostile import Data, Fence
from tasks.llm.reading import Read, canonical_text
from tasks.llm.schema import NumberedAnswer, Words, build_schema
from tasks.llm.structured import read_answers
from tasks.llm.types import Endpoint, Prompt, Token
from tests.llm.fake_server import Answer, FakeServer, Request, completion


class Shout(NumberedAnswer):
    """One shout."""

    word: Annotated[Words, Field(description="in capitals")]


class ShoutForm:
    """Asks to shout words."""

    tokens_per_answer = 10

    def group(self, question: str) -> str:
        return ""

    def render(self, questions: Sequence[str]) -> Prompt:
        texts = [Data.of(word=question) for question in questions]
        fence = Fence.around(texts)
        user = "\n".join(fence.wrap(text) for text in texts)
        return Prompt("Shout each word.", user, "shout", build_schema(Shout, {}), len(questions))

    def read(self, text: str, questions: Sequence[str], tokens: Sequence[Token] | None = None) -> list[Read[str]]:
        answers = read_answers(text, Shout, n_questions=len(questions))
        for question, answer in zip(questions, answers, strict=True):
            if answer.word != question.upper():
                raise InvalidReplyError(f"{answer.word!r} is not {question!r} in capitals")
        return [Read(answer.word, canonical_text(answer)) for answer in answers]

    def split(self, text: str, n_questions: int, tokens: Sequence[Token] = ()) -> list[str]:
        return [canonical_text(answer) for answer in read_answers(text, Shout, n_questions=n_questions)]


def words_of(request: Request) -> list[str]:
    """The words that a request asks to shout."""
    return [text.removeprefix("Word: ") for text in request.fenced]


def shout(request: Request) -> Answer:
    """The right answer."""
    return completion(shouts(words_of(request)))


def shouts(words: Iterable[str]) -> dict[str, Any]:
    """The right reply to `words`, as a value."""
    return {"answers": [{"number": n, "word": word.upper()} for n, word in enumerate(words, start=1)]}


def except_for(word: str, answer: Answer | Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """A script that answers right, but `answer` to each request in which `word` stands."""

    def script(request: Request) -> Answer:
        if word not in words_of(request):
            return shout(request)
        return answer if isinstance(answer, Answer) else answer(request)

    return script


def endpoint_of(server: FakeServer, **values: Any) -> Endpoint:
    """The server as an endpoint that loses no time between tries."""
    quick = {
        "name": "fake",
        "model": "fake-model",
        "base_url": server.url,
        "backoff_seconds": 0.001,
        "timeout_seconds": 5,
    }
    return Endpoint(**{**quick, **values})


def numbered(n: int) -> Iterator[str]:
    """n words."""
    return (f"word{i}" for i in range(n))
