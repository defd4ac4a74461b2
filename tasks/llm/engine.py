"""The engine: asks a stream of questions of one endpoint, and says beforehand what that would cost.

In a background loop prompts are asked (tasks/llm/asking.py), and a second thread stores what was answered. In the
consumer's thread, and only there, the rest happens (tasks/llm/run.py): questions are read, the store is looked into,
identical questions meet, batches are halved, outcomes are handed out. So questions and form need no lock; a store does.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable
from typing import TypeVar

from pydantic import SecretStr

from tasks.contracts.errors import ConfigError
from tasks.llm.batch.run import BatchDesk, BatchRun
from tasks.llm.budget import Budget
from tasks.llm.cache import MemoryStore, ReplyStore
from tasks.llm.client import ChatClient
from tasks.llm.dialect import KnownDialects
from tasks.llm.estimate import Estimate, estimate
from tasks.llm.form import Form, Outcome
from tasks.llm.pace import Pace
from tasks.llm.rates import RateWindow, SlidingWindow
from tasks.llm.run import Run
from tasks.llm.types import Endpoint

Q = TypeVar("Q")
A = TypeVar("A")


class Engine:
    """Asks one endpoint; what is learnt of it, the store and the budget are kept between runs.

    store None keeps replies for the life of the engine only, budget None sets no limit, window None counts requests per
    minute in this process only. desk is needed where the endpoint's mode is "batch". seed makes the pauses between tries
    repeatable.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_key: SecretStr | None = None,
        store: ReplyStore | None = None,
        budget: Budget | None = None,
        window: RateWindow | None = None,
        desk: BatchDesk | None = None,
        seed: int = 0,
    ) -> None:
        """Raises ConfigError when the budget limits money and the endpoint states no price, or batches have no desk."""
        if endpoint.mode == "batch" and desk is None:
            raise ConfigError(
                f"endpoint {endpoint.name!r} has mode 'batch', which needs a warehouse; use mode 'online'"
            )
        self.endpoint = endpoint
        self._api_key = api_key
        self._store: ReplyStore = MemoryStore() if store is None else store
        self._budget = budget or Budget()
        self._budget.check_priced(endpoint)
        self._window: RateWindow = window or SlidingWindow()
        self._known = KnownDialects.of(endpoint)
        self._desk = desk
        self._seed = seed

    def ask(self, form: Form[Q, A], questions: Iterable[Q], *, size: int = 1) -> Generator[Outcome[Q, A], None, None]:
        """An outcome for every question, in the order in which they are ready; up to `size` share a request.

        `questions` is read about as far ahead as requests can be in flight, twice. Raises TerminalError when no retry
        would help and UnfinishedError when the budget is reached or a batch still runs; all answers had until then are
        stored and handed out before. Close it to end early.
        """
        if self.endpoint.mode == "online" or self._desk is None:
            return self._ask_online(form, questions, size=size)
        run = BatchRun(
            self.endpoint,
            form,
            desk=self._desk,
            api_key=self._api_key,
            store=self._store,
            budget=self._budget,
            known=self._known,
            size=size,
        )
        return run.stream(questions, lambda rest: self._ask_online(form, rest, size=size))

    def estimate(self, form: Form[Q, A], questions: Iterable[Q], *, size: int = 1) -> Estimate:
        """What asking `questions` would take at most, with one rendered prompt; asks nothing."""
        return estimate(form, questions, self.endpoint, size=size, store=self._store)

    def _ask_online(
        self, form: Form[Q, A], questions: Iterable[Q], *, size: int
    ) -> Generator[Outcome[Q, A], None, None]:
        pace = Pace(self.endpoint, self._window)
        client = ChatClient(
            self.endpoint,
            pace,
            api_key=self._api_key,
            known=self._known,
            budget=self._budget,
            rng=random.Random(self._seed),
        )
        return Run(self.endpoint, form, client=client, pace=pace, store=self._store, size=size).stream(questions)
