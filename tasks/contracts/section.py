"""Section: what every table of the catalog file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the catalog file: frozen, and no key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
