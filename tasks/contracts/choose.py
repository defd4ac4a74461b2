"""Who answers a task of a catalog: an endpoint of the installation, or the embedded labeler."""

from __future__ import annotations

import difflib

from tasks.contracts.asking import LabelersConfig
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.errors import ConfigError


def choose_endpoint(task: str, context: StepContext, wanted: str | None = None) -> EndpointSettings | None:
    """The endpoint that answers `task`, None for the embedded labeler; "auto" takes the default one where it can be asked.

    wanted is one of several labelers; None: the first of the catalog's. Raises ConfigError for an endpoint that the settings
    don't know, or whose key is not set.
    """
    wanted = wanted or context.catalog.labelers.panel(task)[0]
    if wanted == "embedded":
        return None
    if wanted == "auto":
        default = context.endpoints.get(context.endpoint)
        return default if default is not None and default.is_usable else None
    endpoint = find_endpoint(task, context, wanted)
    if not endpoint.is_usable:
        raise ConfigError(
            f"{_asks(task, context, wanted)}, but {endpoint.api_key_env} is not set; set it, or choose 'embedded'"
        )
    return endpoint


def find_endpoint(task: str, context: StepContext, wanted: str | None = None) -> EndpointSettings:
    """The endpoint that would answer `task` if a model did, key or no key. Raises ConfigError where there is none."""
    wanted = wanted or context.catalog.labelers.panel(task)[0]
    name = wanted.partition(":")[2] or context.endpoint
    if name not in context.endpoints:
        known = sorted(context.endpoints)
        near = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean 'openai:{near[0]}'?" if near else f"add [endpoints.{name}] to nightjar.toml"
        raise ConfigError(
            f"{_asks(task, context, wanted)}, but the settings know no endpoint {name!r}, only "
            f"{', '.join(known) or 'none'}; {mend}"
        )
    return context.endpoints[name]


def check_labelers(context: StepContext) -> None:
    """Raise ConfigError if a task names an endpoint that the settings don't know."""
    catalog = context.catalog
    asked = [(task, wanted) for task in LabelersConfig.model_fields for wanted in catalog.labelers.panel(task)]
    others = [("topics", catalog.cascade.strong), ("enrich", catalog.enrichment.verify)]
    for task, wanted in [*asked, *((task, name) for task, name in others if name)]:
        if wanted.startswith("openai"):
            find_endpoint(task, context, wanted)


def _asks(task: str, context: StepContext, wanted: str) -> str:
    return f"catalog {context.catalog.name!r} asks for labelers.{task} = {wanted!r}"
