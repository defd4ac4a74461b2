"""From an endpoint of the settings to the engine's endpoint."""

from __future__ import annotations

from tasks.contracts.context import EndpointSettings
from tasks.contracts.errors import ConfigError
from tasks.labeling.fake import fake_url
from tasks.llm.types import Endpoint, Sampling


def make_endpoint(settings: EndpointSettings) -> Endpoint:
    """The endpoint that the engine asks; that of the fake one is served from here on. Raises ConfigError."""
    base_url = settings.base_url
    if settings.is_fake and base_url is None:
        base_url = fake_url(seed=settings.seed or 0, faults=settings.faults)
    values: dict[str, object] = {
        "name": settings.name,
        "model": settings.model,
        "api_key_env": settings.api_key_env or None,
        "provider": settings.provider,
        "usd_per_million_in": settings.price_in,
        "usd_per_million_out": settings.price_out,
        "usd_per_million_cached": settings.price_cached,
        "sampling": Sampling(
            temperature=settings.temperature,
            seed=settings.seed,
            max_output_tokens=settings.max_output_tokens,
            extra=settings.extra,
        ),
        "max_in_flight": settings.max_in_flight,
        "requests_per_minute": settings.requests_per_minute,
        "tokens_per_minute": settings.tokens_per_minute,
        "mode": settings.mode,
        "batch_wait_seconds": settings.batch_wait_s,
        "timeout_seconds": settings.timeout_s,
        "patience_seconds": settings.patience_s,
        "max_attempts": settings.max_attempts,
    }
    if base_url:
        values["base_url"] = base_url
    try:
        return Endpoint.model_validate(values)
    except ValueError as error:
        raise ConfigError(f"the settings of endpoint {settings.name!r} can't be used: {error}") from error
