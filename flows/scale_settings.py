"""The table `[scale]` of nightjar.toml: which Dask cluster computes the shards, and what it shares with us."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ScaleSection(BaseModel):
    """Workers on other machines; without an address all is computed here. See docs/scale.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dask_address: Annotated[str, Field(pattern=r"^(tcp|tls|ws|wss)://[^\s]+$")] | None = None
    shared: str | None = None
    worker_wait_s: Annotated[float, Field(gt=0)] = 300.0
    train_rows: Annotated[int, Field(ge=1)] = 2_000_000

    @model_validator(mode="after")
    def _check_shared(self) -> ScaleSection:
        if self.dask_address is not None and self.shared is None:
            raise ValueError(
                "scale.dask_address is set and scale.shared is not; name the folder or the URL that all workers can reach"
            )
        return self
