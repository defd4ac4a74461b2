"""The number of requests in flight, found out on simulated servers: no sockets, no clock but the simulation's."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest

from tasks.llm.concurrency import START, Concurrency

Latency = Callable[[int], float]


class Simulation:
    """A server that takes `latency(n in flight)` for a reply and refuses beyond `takes`; a client that never runs dry."""

    def __init__(self, latency: Latency, *, ceiling: int = 64, takes: int = 10_000, failing: float = 0.0) -> None:
        self.steering = Concurrency(ceiling)
        self.now = 0.0
        self.n_done = self.n_refused = 0
        self.levels: list[int] = []
        self._latency, self._takes, self._failing = latency, takes, failing
        self._chance = random.Random(1)
        self._events: list[tuple[float, int, float, bool]] = []
        self._n = self._n_accepted = 0

    def run(self, seconds: float) -> Simulation:
        """Let time pass."""
        end = self.now + seconds
        while True:
            while len(self._events) < self.steering.limit:
                self._send()
            at, _, sent_at, is_accepted = self._events[0]
            if at > end:
                self.now = end
                return self
            heapq.heappop(self._events)
            self.now = at
            self._settle(sent_at, is_accepted)

    def _send(self) -> None:
        self._n += 1
        is_accepted = self._n_accepted < self._takes
        self._n_accepted += is_accepted
        delay = self._latency(len(self._events) + 1) if is_accepted else 0.001
        heapq.heappush(self._events, (self.now + delay, self._n, self.now, is_accepted))

    def _settle(self, sent_at: float, is_accepted: bool) -> None:
        if not is_accepted:
            self.n_refused += 1
            self.steering.refused(self.now, sent_at=sent_at, n_accepted=len(self._events))
            return
        self._n_accepted -= 1
        if self._chance.random() < self._failing:
            self.steering.failed(self.now, sent_at=sent_at, is_saturated=True)
        else:
            self.n_done += 1
            self.steering.succeeded(self.now, sent_at=sent_at, is_saturated=True)
        self.levels.append(self.steering.limit)


def test_it_doubles_to_the_ceiling_while_that_brings_more() -> None:
    simulation = Simulation(lambda n: 0.2)
    simulation.run(1.0)
    assert simulation.steering.limit == 64
    assert simulation.run(10.0).n_done > 0.95 * 10 * 64 / 0.2


def test_it_stays_where_more_in_flight_bring_no_more_answers() -> None:
    # Forty a second, however many ask at once.
    simulation = Simulation(lambda n: n / 40).run(60)
    assert simulation.steering.limit <= 2 * START
    assert max(simulation.levels) <= 2 * START


def test_a_low_ceiling_is_kept() -> None:
    assert max(Simulation(lambda n: 0.1, ceiling=3).run(5).levels) == 3


@pytest.mark.parametrize("takes", [1, 8, 40])
def test_it_settles_at_what_the_server_takes_with_few_refusals(takes: int) -> None:
    simulation = Simulation(lambda n: 0.1, takes=takes).run(60)
    assert simulation.n_refused < 40
    assert simulation.n_done > 0.9 * 60 * takes / 0.1
    assert simulation.steering.limit in {takes, takes + 1}


def test_errors_of_many_halve_it_and_a_few_do_not() -> None:
    assert Simulation(lambda n: 0.1, failing=0.9).run(10).steering.limit <= 2
    assert Simulation(lambda n: 0.1, failing=0.1).run(10).steering.limit >= 32


def test_it_finds_back_when_the_server_recovers() -> None:
    simulation = Simulation(lambda n: 0.1, failing=0.9).run(5)
    simulation._failing = 0.0
    assert simulation.run(600).steering.limit > 30


def test_after_a_hold_it_starts_with_one_and_is_soon_back() -> None:
    simulation = Simulation(lambda n: 0.1).run(5)
    simulation.steering.held(simulation.now)
    assert simulation.steering.limit == 1
    assert simulation.run(1).steering.limit == 64


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_hold_it_down(seed: int) -> None:
    chance = random.Random(seed)
    simulation = Simulation(lambda n: 3.0 if chance.random() < 0.02 else chance.lognormvariate(-1.6, 0.5)).run(120)
    assert simulation.steering.limit >= 32
