"""Named endpoints of an installation: the tables `[endpoints.NAME]` of nightjar.toml, and what may be wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from tasks.contracts.context import DEFAULT_ENDPOINT, FAKE_ENDPOINT, EndpointSettings
from tasks.contracts.errors import ConfigError

EndpointName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Price = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
PerMinute = Annotated[int, Field(ge=1)]
Mode = Literal["online", "batch"]


class EndpointSection(BaseModel):
    """One table `[endpoints.NAME]`; what it does not say has the default here, whatever the flat settings say."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = "gpt-4o-mini"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    provider: str = ""
    price_in: Price = 0.0
    price_out: Price = 0.0
    price_cached: Price | None = None
    questions_per_request: Annotated[int, Field(ge=1, le=100)] = 5
    max_in_flight: Annotated[int, Field(ge=1, le=1000)] = 64
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    mode: Mode = "online"
    batch_wait_s: Annotated[float, Field(ge=0)] = 6 * 3600.0
    timeout_s: Seconds = 120.0
    patience_s: Seconds = 900.0
    max_attempts: Annotated[int, Field(ge=1)] = 5
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    seed: int | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    extra: Mapping[str, JsonValue] = {}
    faults: Mapping[str, JsonValue] = {}


FAKE_DEFAULTS: Mapping[str, Any] = {"model": "fake", "provider": "fake", "api_key_env": ""}


def gather_endpoints(
    default: EndpointSection, named: Mapping[str, EndpointSection], *, read_key: Callable[[str], SecretStr | None]
) -> dict[str, EndpointSettings]:
    """Every endpoint by name: the default one, the fake one, and those of the file.

    read_key gives the key in a variable, None where it is not set.
    """
    fake = named.get(FAKE_ENDPOINT, EndpointSection())
    given = fake.model_dump(include=fake.model_fields_set)
    sections = {**named, FAKE_ENDPOINT: EndpointSection(**{**FAKE_DEFAULTS, **given}), DEFAULT_ENDPOINT: default}
    return {
        name: EndpointSettings(name=name, api_key=read_key(section.api_key_env), **section.model_dump())
        for name, section in sections.items()
    }


def check_endpoints(chosen: str, named: Mapping[str, EndpointSection]) -> None:
    """Raise ConfigError for a chosen endpoint that is none, and for keys that belong to another endpoint."""
    if DEFAULT_ENDPOINT in named:
        raise ConfigError(
            f"settings: the endpoint {DEFAULT_ENDPOINT!r} is the one of the flat settings (model, base_url, …); write"
            f" these at the top of nightjar.toml, or give [endpoints.{DEFAULT_ENDPOINT}] another name"
        )
    for name, section in named.items():
        if section.faults and name != FAKE_ENDPOINT:
            raise ConfigError(
                f"settings: endpoints.{name}.faults: only the endpoint {FAKE_ENDPOINT!r} has faults to order;"
                " take the table out"
            )
    known = {DEFAULT_ENDPOINT, FAKE_ENDPOINT, *named}
    if chosen not in known:
        raise ConfigError(f"settings: endpoint = {chosen!r} is no endpoint; {nearest_endpoint(chosen, known)}")


def nearest_endpoint(name: str, known: Iterable[str]) -> str:
    """What to write instead: the nearest known name, or all of them."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
