"""From the installation's endpoint settings to the engine's endpoint, and one cheap request to see whether it answers."""

from __future__ import annotations

from tasks.contracts.context import EndpointSettings
from tasks.contracts.errors import ConfigError, LabelerError
from tasks.labelers.openai import OpenAILabeler
from tasks.labelers.protocol import ItemText, TopicDefinition
from tasks.llm.types import Endpoint

PROBE = ItemText(key="probe", title="Harbour team wins the cup", text="The home side won the final on Saturday.")
PROBE_TOPICS = (TopicDefinition("sport", "Matches and athletes."), TopicDefinition("business", "Companies and money."))


def make_endpoint(settings: EndpointSettings) -> Endpoint:
    """The endpoint that the engine asks. Raises ConfigError on a base URL that is none."""
    values: dict[str, object] = {
        "name": "default",
        "model": settings.model,
        "api_key_env": settings.api_key_env,
        "usd_per_million_in": settings.price_in,
        "usd_per_million_out": settings.price_out,
        "usd_per_million_cached": settings.price_cached,
        "max_in_flight": settings.max_in_flight,
        "timeout_seconds": settings.timeout_s,
    }
    if settings.base_url:
        values["base_url"] = settings.base_url
    try:
        return Endpoint.model_validate(values)
    except ValueError as error:
        raise ConfigError(f"the endpoint's settings can't be used: {error}") from error


def ask_once(settings: EndpointSettings) -> str:
    """One topic question to the endpoint: what answered and what it cost. Raises LabelerError if nothing did."""
    labeler = OpenAILabeler(make_endpoint(settings), api_key=settings.api_key, taxonomy=PROBE_TOPICS)
    reply = next(labeler.label_topics([PROBE]))
    if reply.failure is not None:
        raise LabelerError(f"{labeler.name} gave no usable answer: {reply.failure.reason}")
    return (
        f"{labeler.name} answered in the asked form ({reply.usage.tokens_in} tokens in, {reply.usage.tokens_out} out)"
    )
