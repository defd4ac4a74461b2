"""Who answers a task of a catalog: an endpoint of the installation, or the embedded labeler."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from tasks.contracts.asking import LabelersConfig
from tasks.contracts.context import EndpointSettings, StepContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.recommending import ExplainConfig, RerankConfig, RewriteConfig


def choose_endpoint(task: str, context: StepContext, wanted: str | None = None) -> EndpointSettings | None:
    """The endpoint that answers `task`, None for the embedded labeler; "auto" takes the default one where it can be asked.

    wanted is one of several labelers; None: the first of the catalog's. Raises ConfigError for an endpoint that the settings
    don't know, or whose key is not set.
    """
    wanted = wanted or labeler_of(task, context)
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
    wanted = wanted or labeler_of(task, context)
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
    others = [
        ("topics", catalog.cascade.strong),
        ("enrich", catalog.enrichment.verify),
        *((task, section.labeler) for task, section in _sections(context).items()),
    ]
    for task, wanted in [*asked, *((task, name) for task, name in others if name)]:
        if wanted.startswith("openai"):
            find_endpoint(task, context, wanted)


def labeler_of(task: str, context: StepContext) -> str:
    """The first labeler of a task as the catalog file names it; "openai" where the task is switched off."""
    section = _sections(context).get(task)
    return context.catalog.labelers.panel(task)[0] if section is None else section.labeler or "openai"


def _sections(context: StepContext) -> Mapping[str, RewriteConfig | RerankConfig | ExplainConfig]:
    """Tasks that name their labeler in a section of their own."""
    catalog = context.catalog
    return {"rewrite": catalog.rewrite, "rerank": catalog.rerank, "explain": catalog.explain}


def _asks(task: str, context: StepContext, wanted: str) -> str:
    key = f"{task}.labeler" if task in _sections(context) else f"labelers.{task}"
    return f"catalog {context.catalog.name!r} asks for {key} = {wanted!r}"
