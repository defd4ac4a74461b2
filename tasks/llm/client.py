"""One endpoint over HTTP: sends a prompt, tries again what is worth it, ends at once what is not.

Uses the `openai` client for the protocol (its own retries are off) and nothing of the environment: key and base URL are
handed in. Writes no log line, and no error of ours carries a key or a request.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from pydantic import SecretStr

from tasks.contracts.errors import LabelerError, TerminalError, UnfinishedError
from tasks.llm.bounds import decode_body
from tasks.llm.budget import Budget, dearest_case
from tasks.llm.dialect import Dialect, KnownDialects, build_body, next_dialect
from tasks.llm.errors import BusyError, NoAnswerError, RejectedError
from tasks.llm.estimate import count_tokens
from tasks.llm.pace import Pace, Turn
from tasks.llm.responses import RawResponse, read_response
from tasks.llm.transport import LOST, explain_lost, make_client, too_slow
from tasks.llm.types import NOTHING_USED, Completion, Endpoint, Message, Meter, Prompt, TokenUsage

PROBE_SECONDS = 5.0
LONGEST_BACKOFF_SECONDS = 60.0
TRUSTED_PAUSES = 20


@dataclass(frozen=True)
class _Sending:
    """One prompt on its way: what is sent, what it has cost, how long the reply will be."""

    prompt: Prompt
    messages: list[Message]
    meter: Meter
    tokens_out: int

    @property
    def tokens(self) -> int:
        """About how many tokens the request will use in all."""
        return count_tokens(self.prompt) + self.tokens_out


class ChatClient:
    """Sends prompts to one endpoint from within one asyncio loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        pace: Pace,
        *,
        api_key: SecretStr | None,
        known: KnownDialects,
        budget: Budget,
        rng: random.Random,
    ) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._api_key = api_key
        self._known = known
        self._budget = budget
        self._rng = rng
        self._probes: dict[str, asyncio.Event] = {}
        self._n_answers = 0
        self._n_unanswered = 0
        self._n_completed = self._n_rejected = 0
        self._client: openai.AsyncOpenAI | None = None

    @property
    def _openai(self) -> openai.AsyncOpenAI:
        """The client, made in the loop that uses it."""
        if self._client is None:
            self._client = make_client(self._endpoint, self._api_key)
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def complete(
        self, prompt: Prompt, messages: list[Message], *, meter: Meter, tokens_out: int = 0
    ) -> Completion:
        """The completion of `messages`; what it cost is added to `meter` even when it fails.

        tokens_out is about how long the reply will be. Raises TerminalError, UnfinishedError (the budget is reached),
        BusyError (patience is over), NoAnswerError (tries are over), RejectedError or Stopped.
        The first prompt of a schema goes alone, for at most PROBE_SECONDS, so that others start in a known dialect.
        """
        name = prompt.schema_name
        is_probe = name not in self._known.proven and name not in self._probes
        probe = self._probes.setdefault(name, asyncio.Event())
        if not is_probe and name not in self._known.proven:
            with suppress(TimeoutError):
                await asyncio.wait_for(probe.wait(), timeout=PROBE_SECONDS)
        try:
            return await self._negotiate(_Sending(prompt, messages, meter, tokens_out))
        except RejectedError as refusal:
            self._watch_for_rejection(refusal)
            raise
        except (TerminalError, UnfinishedError):
            # At once and from here, before those that wait can send the same in vain.
            self._pace.stop()
            raise
        finally:
            probe.set()

    async def _negotiate(self, sending: _Sending) -> Completion:
        name = sending.prompt.schema_name
        dialect = self._known.proven.get(name, self._known.first)
        first_refusal: RejectedError | None = None
        while True:
            try:
                completion = await self._persist(sending, dialect)
            except RejectedError as refusal:
                first_refusal = first_refusal or refusal
                other = next_dialect(dialect, refusal, is_proven=name in self._known.proven)
                if other is None:
                    raise first_refusal from None
                dialect = other
                continue
            self._known.learn(name, dialect)
            return completion

    async def _persist(self, sending: _Sending, dialect: Dialect) -> Completion:
        """Try until an answer, a terminal error or the end of tries and patience."""
        n_failed, n_busy, waited = 0, 0, 0.0
        answers_before: int | None = None
        while True:
            try:
                async with self._pace.turn(sending.tokens) as turn:
                    answers_before = self._n_answers if answers_before is None else answers_before
                    return await self._send(sending, dialect, turn)
            except BusyError as busy:
                n_busy += 1
                pause = self._pause(busy, n_busy)
                waited += pause
                self._check_patience(busy, waited=waited)
                await self._pace.rest(pause)
            except NoAnswerError as error:
                n_failed += 1
                if n_failed >= self._endpoint.max_attempts:
                    self._watch_for_outage(error, is_alone=self._n_answers != answers_before)
                    raise
                await self._pace.rest(self._backoff(n_failed))

    def _watch_for_outage(self, error: NoAnswerError, *, is_alone: bool) -> None:
        """End the run when nobody gets answers; `is_alone` says that others got some while this prompt was tried."""
        if is_alone:
            return
        self._n_unanswered += 1
        if self._n_unanswered >= self._endpoint.outage_after:
            tried = f"{self._n_unanswered} prompts in a row, each tried {self._endpoint.max_attempts} times"
            mend = f"see to the endpoint, then run again. The last error: {error}"
            raise TerminalError(f"no answer to {tried}; {mend}")

    def _watch_for_rejection(self, refusal: RejectedError) -> None:
        """End the run when prompt after prompt is rejected and none was ever taken: then it is not the prompts."""
        self._n_rejected += refusal.code == "rejected"
        if self._n_completed == 0 and self._n_rejected >= self._endpoint.outage_after:
            self._pace.stop()
            raise TerminalError(
                f"each of {self._n_rejected} prompts was rejected and none taken; check model and base_url. {refusal}"
            ) from None

    def _note_answer(self) -> None:
        self._n_answers += 1
        self._n_unanswered = 0

    def _check_patience(self, busy: BusyError, *, waited: float) -> None:
        patience = self._endpoint.patience_seconds
        if busy.retry_after is not None and busy.retry_after > patience:
            raise TerminalError(
                f"{busy}: {busy.retry_after:.0f} s, longer than patience_seconds = {patience:.0f}; run again later"
            )
        if waited > patience:
            raise busy

    def _pause(self, busy: BusyError, n: int) -> float:
        """What the server says; who is told "at once" again and again waits longer all the same."""
        if busy.retry_after is None:
            return self._backoff(n)
        return busy.retry_after if n <= TRUSTED_PAUSES else max(busy.retry_after, self._backoff(n - TRUSTED_PAUSES))

    def _backoff(self, n: int) -> float:
        """Exponential with full jitter over its upper half: between 0.5 and 1 of base * 2^(n-1)."""
        longest = min(self._endpoint.backoff_seconds * 2.0 ** min(n - 1, 60), LONGEST_BACKOFF_SECONDS)
        return longest * (0.5 + self._rng.random() / 2)

    async def _send(self, sending: _Sending, dialect: Dialect, turn: Turn) -> Completion:
        endpoint, prompt, messages = self._endpoint, sending.prompt, sending.messages
        dearest = dearest_case(endpoint, prompt, messages, tokens_out=sending.tokens_out)
        reservation = await self._budget.reserve(dearest)
        # A request that brings no response at all may have been worked on and may be on the bill.
        usage, cost_usd = NOTHING_USED, dearest
        sending.meter.add(TokenUsage(requests=1))
        try:
            response = await self._post(build_body(endpoint, prompt, messages, dialect=dialect))
            cost_usd = 0.0
            self._pace.hear(response.headers)
            completion = read_response(response, endpoint, secret=self._api_key)
            usage = completion.usage
            cost_usd = endpoint.cost_usd(usage)
        except RejectedError:
            self._note_answer()
            raise
        except TerminalError:
            cost_usd = 0.0
            raise
        finally:
            self._budget.settle(reservation, cost_usd=cost_usd)
        self._pace.correct(turn, tokens=usage.tokens_in + usage.tokens_out)
        self._note_answer()
        self._n_completed += 1
        sending.meter.add(usage)
        return completion

    async def _post(self, body: dict[str, Any]) -> RawResponse:
        """Send a request body; raises NoAnswerError or TerminalError when no response comes back."""
        error: LabelerError
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                # The bare response: typed parameters and results would double the client's work, and read_response
                # must take bodies of any shape.
                sent = await self._openai.post("/chat/completions", cast_to=httpx2.Response, body=body)
            return RawResponse(sent.status_code, dict(sent.headers), decode_body(sent.content))
        except openai.APIStatusError as failed:
            sent = failed.response
            return RawResponse(failed.status_code, dict(sent.headers), decode_body(sent.content))
        except TimeoutError:
            error = too_slow(self._endpoint)
        except LOST as failed:
            error = explain_lost(failed, self._endpoint)
        # Raised outside the handlers: an error chained to the client's own would carry the request and its key.
        raise error
