"""What goes wrong on demand, and whom it befalls: decided by the seed and the text asked, never by the hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.llm.fake.chat_request import ChatRequest
from tasks.llm.fake.draws import hash_texts, share_at

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Limit = Annotated[int, Field(ge=1)]


class Faults(BaseModel):
    """Shares of questions or requests that go wrong, limits that are enforced, and what the server does not know.

    Of questions, by their text, so that one spoils the whole request and is found by halving:
    always_500_share, malformed_share, foreign_label_share, refusal_share, cut_off_share. Malformed replies and foreign
    labels come when first asked and are mended after a complaint, unless `…_always`.
    Of requests, by the user message: once_500_share fails on its first arrival alone. Drawn anew for every arrival of
    the same message: slow_share, which takes slow_seconds instead of latency_seconds, and dropped_share, which resets
    the connection.

    Of lists to be put in order, by their texts as shown: first_place_share, which puts the first shown first, whatever it is.

    A server without log-probabilities refuses the wish (refuses_logprobs) or passes over it (omits_logprobs).

    max_concurrent refuses more than that many at once, with busy_retry_after_seconds where it is set.
    requests_per_minute and tokens_per_minute hold for any window_seconds ("sliding") or for each one of a clock
    ("fixed"); `retry-after` then says truly when the refused request would pass. batch_seconds is how long a batch
    takes. Shares of its rows: batch_failed_share by their text, batch_expired_share drawn anew for every batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_seconds: Seconds = 0.0
    slow_share: Share = 0.0
    slow_seconds: Seconds = 10.0
    dropped_share: Share = 0.0
    always_500_share: Share = 0.0
    once_500_share: Share = 0.0
    malformed_share: Share = 0.0
    malformed_always: bool = False
    foreign_label_share: Share = 0.0
    foreign_label_always: bool = False
    refusal_share: Share = 0.0
    cut_off_share: Share = 0.0
    first_place_share: Share = 0.0
    max_concurrent: Limit | None = None
    busy_retry_after_seconds: Seconds | None = None
    requests_per_minute: Limit | None = None
    tokens_per_minute: Limit | None = None
    window: Literal["sliding", "fixed"] = "sliding"
    window_seconds: Annotated[float, Field(gt=0)] = 60.0
    sends_limit_headers: bool = False
    refuses_json_schema: bool = False
    refuses_json_object: bool = False
    refuses_logprobs: bool = False
    omits_logprobs: bool = False
    wrong_key: bool = False
    unknown_model: bool = False
    no_credit: bool = False
    tokens_per_byte: Annotated[float, Field(gt=0)] = 0.25
    batch_seconds: Seconds = 0.0
    batch_max_rows: Limit = 50_000
    batch_max_bytes: Limit = 200_000_000
    batch_failed_share: Share = 0.0
    batch_expired_share: Share = 0.0
    batch_ends_as: Literal["completed", "failed", "expired", "cancelled"] = "completed"

    @property
    def spares_questions(self) -> bool:
        """Whether no fault looks at the text of a question."""
        return not any(getattr(self, name) for name in _BY_QUESTION)


_BY_QUESTION = (
    "always_500_share",
    "malformed_share",
    "foreign_label_share",
    "refusal_share",
    "cut_off_share",
    "batch_failed_share",
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls a request for the sake of its questions; foreign holds the positions of those with a bad value."""

    fails_always: bool = False
    fails_in_batch: bool = False
    is_refused: bool = False
    is_cut_off: bool = False
    is_malformed: bool = False
    foreign: frozenset[int] = frozenset()


SPARED = Fate()


def decide_fate(faults: Faults, request: ChatRequest, *, seed: int) -> Fate:
    """The fate of a request: what befalls one of its questions befalls all of it."""
    if faults.spares_questions:
        return SPARED
    digests = [hash_texts(str(seed), "fate", *texts) for texts in request.questions]

    def befallen(name: str) -> list[int]:
        share, slot = getattr(faults, name), _BY_QUESTION.index(name)
        return [position for position, digest in enumerate(digests) if share_at(digest, slot) < share]

    is_mended = request.is_complaint
    return Fate(
        fails_always=bool(befallen("always_500_share")),
        fails_in_batch=bool(befallen("batch_failed_share")),
        is_refused=bool(befallen("refusal_share")),
        is_cut_off=bool(befallen("cut_off_share")),
        is_malformed=bool((faults.malformed_always or not is_mended) and befallen("malformed_share")),
        foreign=frozenset(befallen("foreign_label_share") if faults.foreign_label_always or not is_mended else ()),
    )


class Weather:
    """Faults of the line, which depend on how often the same message has arrived."""

    def __init__(self, faults: Faults, *, seed: int) -> None:
        self._faults = faults
        self._seed = str(seed)
        self._n_arrivals: dict[bytes, int] = {}
        self._is_calm = not (faults.slow_share or faults.dropped_share or faults.once_500_share)

    def meet(self, request: ChatRequest) -> Gust:
        """What befalls this arrival."""
        if self._is_calm:
            return CALM
        digest = hash_texts(self._seed, "weather", request.model, request.user)
        key = digest[:8]
        n_before = self._n_arrivals.get(key, 0)
        self._n_arrivals[key] = n_before + 1
        anew = hash_texts(self._seed, "arrival", str(n_before), request.model, request.user)
        return Gust(
            fails_once=n_before == 0 and share_at(digest, 3) < self._faults.once_500_share,
            is_slow=share_at(anew, 0) < self._faults.slow_share,
            is_dropped=share_at(anew, 1) < self._faults.dropped_share,
        )


@dataclass(frozen=True, slots=True)
class Gust:
    """What befalls one arrival of a request."""

    fails_once: bool = False
    is_slow: bool = False
    is_dropped: bool = False


CALM = Gust()
