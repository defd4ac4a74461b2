"""The engine: asks a stream of questions of one endpoint, and says beforehand what that would cost.

In a background loop prompts are asked (tasks/llm/asking.py) and nothing is remembered. In the consumer's thread, and
only there, the rest happens (tasks/llm/run.py): questions are read, the store is asked and written, identical prompts
meet, batches are halved, outcomes are handed out. So neither questions, store nor form need a lock.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

from pydantic import SecretStr

from tasks.llm.cache import MemoryStore, ReplyStore
from tasks.llm.client import ChatClient
from tasks.llm.dialect import KnownDialects
from tasks.llm.estimate import Estimate, estimate
from tasks.llm.form import Form, Outcome
from tasks.llm.pace import Pace
from tasks.llm.run import Run
from tasks.llm.types import Endpoint

Q = TypeVar("Q")
A = TypeVar("A")


class Engine:
    """Asks one endpoint; what is learnt of it and the store are kept between runs.

    store None keeps replies for the life of the engine only. seed makes the pauses between tries repeatable.
    """

    def __init__(
        self, endpoint: Endpoint, *, api_key: SecretStr | None = None, store: ReplyStore | None = None, seed: int = 0
    ) -> None:
        self.endpoint = endpoint
        self._api_key = api_key
        self._store: ReplyStore = MemoryStore() if store is None else store
        self._known = KnownDialects.of(endpoint)
        self._seed = seed

    def ask(self, form: Form[Q, A], batches: Iterable[Sequence[Q]]) -> Generator[Outcome[Q, A], None, None]:
        """An outcome for every question, in the order in which they are ready; each batch is one request at first.

        `batches` is read as far ahead as requests can be in flight, twice. Raises TerminalError when no retry would
        help; all answers had until then are stored and handed out before. Close it to end early.
        """
        pace = Pace(self.endpoint.max_in_flight)
        client = ChatClient(
            self.endpoint, pace, api_key=self._api_key, known=self._known, rng=random.Random(self._seed)
        )
        run = Run(self.endpoint, form, client=client, pace=pace, store=self._store)
        return run.stream(batches)

    def estimate(self, form: Form[Q, A], batches: Iterable[Sequence[Q]]) -> Estimate:
        """What asking `batches` would take at most, with one rendered prompt; asks nothing."""
        prompts = (form.render(batch) for batch in batches)
        return estimate(prompts, self.endpoint, tokens_per_answer=form.tokens_per_answer, store=self._store)
