"""Checks of what a run stands on: the model file, the warehouse and its lock, the endpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.contracts.context import EndpointSettings
from tasks.contracts.errors import LabelerError, ModelFileError
from tasks.embedding.model_files import PACKAGED_MODEL, find_model_folder, hash_model_folder, verify_packaged_weights
from tasks.labeling.endpoint import ask_once
from warehouse.connection import DATABASE, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.lock import lock_owner


@dataclass(frozen=True)
class Check:
    """One check: what was found, and what to do if it is not ok."""

    name: str
    is_ok: bool
    message: str
    mend: str = ""


def check_model(model: str) -> Check:
    """The embedding model is there, and the packaged one is the published one."""
    try:
        folder = find_model_folder(model)
        digest = verify_packaged_weights(folder) if model == PACKAGED_MODEL else hash_model_folder(folder)
    except ModelFileError as error:
        return Check("model", False, str(error))
    return Check("model", True, f"{model}, sha256 {digest[:16]}…")


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
        with open_warehouse(folder):
            return Check("warehouse", True, f"{folder}, migrations applied, lock free")
    except WarehouseError as error:
        return Check("warehouse", False, str(error))


def check_endpoint(endpoint: EndpointSettings) -> Check:
    """One cheap request, if a key is set; without a key the embedded labeler answers."""
    if endpoint.api_key is None:
        return Check("endpoint", True, f"no key in {endpoint.api_key_env}: the embedded labeler answers all questions")
    try:
        return Check("endpoint", True, ask_once(endpoint))
    except LabelerError as error:
        return Check(
            "endpoint", False, str(error), "set NIGHTJAR_MODEL, OPENAI_BASE_URL or the key to what the server knows"
        )
