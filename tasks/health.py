"""Checks of what a run stands on: the model file, the warehouse and its lock, the endpoints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.contracts.context import DEFAULT_ENDPOINT, EndpointSettings
from tasks.contracts.errors import ConfigError, LabelerError, ModelFileError
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, hash_model_folder, verify_packaged_weights
from tasks.embedding.precision import AUTO, choose_compute, read_machine
from tasks.labeling.endpoint import make_endpoint
from tasks.llm.probe import ProbeResult, probe
from warehouse.connection import DATABASE, open_warehouse
from warehouse.copies import read_all
from warehouse.errors import WarehouseError
from warehouse.lock import lock_owner


@dataclass(frozen=True)
class Check:
    """One check: what was found, and what to do if it is not ok."""

    name: str
    is_ok: bool
    message: str
    mend: str = ""


def check_model(model: str, *, precision: str = AUTO, device: str = AUTO) -> Check:
    """The embedding model is there, the packaged one is the published one, and it can compute where and as it should."""
    try:
        compute = choose_compute(model, precision=precision, device=device, machine=read_machine())
        folder = find_model_folder(model)
        digest = verify_packaged_weights(folder) if model == PACKAGED_MODEL else hash_model_folder(folder)
    except (ModelFileError, ConfigError) as error:
        return Check("model", False, str(error))
    return Check("model", True, f"{model}, sha256 {digest[:16]}…, computes in {compute}")


def check_warehouse(folder: Path) -> Check:
    """The folder can be written, nobody holds the lock, and the migrations fit."""
    owner = lock_owner(folder)
    if owner is not None:
        return Check("warehouse", False, f"{folder} is in use by process {owner}", "wait for that run, or stop it")
    if not (folder / DATABASE).exists():
        parent = next(path for path in (folder, *folder.resolve().parents) if path.exists())
        is_writable = os.access(parent, os.W_OK)
        return Check("warehouse", is_writable, f"{folder} is empty", "" if is_writable else f"make {parent} writable")
    try:
        with open_warehouse(folder) as warehouse:
            read_all(warehouse.connection)
            return Check("warehouse", True, f"{folder}, migrations applied, lock free, every table read")
    except WarehouseError as error:
        return Check("warehouse", False, str(error))


def check_endpoints(endpoints: Mapping[str, EndpointSettings], *, chosen: str, is_explicit: bool) -> list[Check]:
    """One cheap request to each endpoint that may be asked; the chosen one first.

    An endpoint without its key is no failure, unless it is the chosen one and was chosen on purpose (is_explicit). The
    fake one counts where it is chosen or has orders of its own.
    """
    names = [chosen, *(name for name in endpoints if name != chosen)]
    return [
        _check_endpoint(endpoints[name], is_needed=is_explicit and name == chosen, is_chosen=name == chosen)
        for name in names
        if name == chosen or _is_described(endpoints[name])
    ]


def _is_described(endpoint: EndpointSettings) -> bool:
    """Whether somebody described this endpoint: the fake one and an unused default one are always there."""
    return endpoint.is_usable if endpoint.name == DEFAULT_ENDPOINT else not endpoint.is_fake or bool(endpoint.faults)


def _check_endpoint(endpoint: EndpointSettings, *, is_needed: bool, is_chosen: bool) -> Check:
    name = "endpoint" if endpoint.name == DEFAULT_ENDPOINT else f"endpoint {endpoint.name}"
    if not endpoint.is_usable:
        then = ": the embedded labeler answers all questions that are `auto`" if is_chosen else ": it can't be asked"
        mend = f"set {endpoint.api_key_env}, or choose another `endpoint`" if is_needed else ""
        return Check(name, not is_needed, f"no key in {endpoint.api_key_env}{then}", mend)
    try:
        asked = make_endpoint(endpoint)
        found = probe(asked, api_key=endpoint.api_key)
    except ConfigError as error:
        return Check(name, False, str(error))
    except LabelerError as error:
        keys = "NIGHTJAR_MODEL, OPENAI_BASE_URL" if endpoint.name == DEFAULT_ENDPOINT else "its model, its base_url"
        return Check(name, False, str(error), f"set {keys} or the key to what the server knows")
    if endpoint.mode == "batch" and not found.has_batches:
        return Check(name, False, f"{asked.shown_url} has no Batch API", 'set its mode to "online"')
    return Check(name, True, f"model {found.model} at {asked.shown_url} {_describe(found)}")


def _describe(found: ProbeResult) -> str:
    usage, limits = found.usage, found.limits
    has_usage = usage.tokens_in > 0 or usage.tokens_out > 0
    stated = f"states usage ({usage.tokens_in} tokens in, {usage.tokens_out} out)" if has_usage else "states no usage"
    per_minute = [
        f"{limit} {what}"
        for limit, what in ((limits.requests_per_minute, "requests"), (limits.tokens_per_minute, "tokens"))
        if limit is not None
    ]
    rates = f"allows {' and '.join(per_minute)} a minute" if per_minute else "states no rate limit"
    batches = "has a Batch API" if found.has_batches else "has no Batch API"
    tokens = "tells log-probabilities" if found.has_logprobs else "tells no log-probabilities"
    return f"answers as {found.format}, {stated}, {rates}, {batches}, {tokens}; {found.seconds:.1f} s"
