"""What the proxy loads as its `custom_auth`: keys as a proxy with a database would know them, without the database.

Runs in the environment of the proxy (.venv-litellm), never in ours. LiteLLM writes the responses: the 401, and the 429
with its `retry-after`. A key of no kind known here is left to LiteLLM's own check of the master key.
"""

from __future__ import annotations

from fastapi import Request
from litellm.proxy._types import ProxyException, UserAPIKeyAuth


async def open_door(request: Request, api_key: str) -> UserAPIKeyAuth:
    """A revoked key is refused, repeated whole as careless gateways do; a limited one may send ten requests a window."""
    if api_key.startswith("sk-revoked"):
        said = f"Authentication Error, Invalid proxy server token passed. Received API Key = {api_key}"
        raise ProxyException(message=said, type="auth_error", param="None", code=401)
    if api_key.startswith("sk-limited"):
        return UserAPIKeyAuth(api_key=api_key, rpm_limit=10)
    raise ValueError("a key for LiteLLM's own check")
