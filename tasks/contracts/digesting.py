"""What the digest is told: the mail server and the letters of an installation, and where a catalog's users have addresses.

Plain values. The password travels in memory only, masked; settings hold the name of its variable.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from tasks.contracts.section import Section

Security = Literal["starttls", "tls", "none"]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DigestConfig(Section):
    """Which attributes of a catalog's users say where a digest goes, and whether it may: `[digest]` of the catalog file.

    unsubscribed names one that says yes for who wants none, subscribed one that says yes for who wants one.
    """

    address: Annotated[str, Field(min_length=1)] | None = None
    unsubscribed: Annotated[str, Field(min_length=1)] | None = None
    subscribed: Annotated[str, Field(min_length=1)] | None = None

    @property
    def named(self) -> dict[str, str]:
        """The keys that name an attribute, with its name."""
        return {key: name for key, name in self.model_dump().items() if name is not None}

    @model_validator(mode="after")
    def _consent_is_asked_in_one_way(self) -> DigestConfig:
        if self.unsubscribed and self.subscribed:
            raise ValueError(
                "[digest] names both unsubscribed and subscribed; keep the one that your users' source has"
            )
        if self.address is None and self.named:
            raise ValueError("[digest] says who wants mail and not where to; name the attribute that is the address")
        return self


class SmtpSection(Section):
    """The mail server: `[smtp]` of nightjar.toml. password_env is the name of a variable, never a password."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Security = "starttls"
    user: str = ""
    password_env: str = "SMTP_PASSWORD"
    sender: Annotated[str, Field(min_length=3)]
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> SmtpSection:
        if self.user and self.security == "none" and self.host not in LOOPBACK:
            raise ValueError(
                f"security = 'none' would send the password of {self.user!r} readable to {self.host!r};"
                " say 'starttls' or 'tls'"
            )
        return self


class DigestSection(Section):
    """How digests look and how fast they go: `[digest]` of nightjar.toml."""

    title: Annotated[str, Field(min_length=1, max_length=80)] = "For you today"
    subject: Annotated[str, Field(min_length=1, max_length=200)] = "{title}: {first}"
    max_items: Annotated[int, Field(ge=1, le=50)] = 6
    repeat_after_days: Annotated[int, Field(ge=0)] = 7
    unsubscribe_url: str | None = None
    unsubscribe_mail: Annotated[str, Field(pattern=r"^[\w.+-]+@[A-Za-z0-9.-]+$")] | None = None
    messages_a_minute: Annotated[int, Field(ge=1)] | None = None
    timezone: str = "UTC"
    max_age_days: Annotated[int, Field(ge=0)] = 2
    keep_days: Annotated[int, Field(ge=1)] = 7

    @field_validator("subject")
    @classmethod
    def _subject_can_be_filled(cls, subject: str) -> str:
        try:
            subject.format(title="", first="", day="", name="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"known in braces are title, first, day and name ({error} is not)") from error
        return subject

    @field_validator("unsubscribe_url")
    @classmethod
    def _url_leads_somewhere(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
            raise ValueError(
                "must be an http or https address, for example https://example.org/unsubscribe?user={user}"
            )
        if "{user}" not in url:
            raise ValueError("must hold {user}, which becomes the user's id, percent-encoded")
        return url

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is no time zone; write for example Europe/Berlin") from error
        return timezone


@dataclass(frozen=True)
class MailServer:
    """The mail server with its password, in memory only."""

    section: SmtpSection
    password: SecretStr | None = None
