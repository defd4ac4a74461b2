"""Mail as a notification block of Prefect: the addresses are the block's, the server is that of the setting `smtp`."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from prefect.blocks.abstract import NotificationBlock
from pydantic import Field

from flows.settings import load_settings
from tasks.contracts.errors import ConfigError
from tasks.mailing.connect import connect


class Mail(NotificationBlock):
    """Sends a notification as plain text by the mail server of nightjar.toml's [smtp]."""

    _block_type_name = "Mail"
    _block_type_slug = "mail"
    _description = "Sends notifications by mail, through the server of [smtp] in nightjar.toml."

    to: list[str] = Field(title="To", description="Addresses of those who are told.", min_length=1)

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]
        """Send one mail to all addresses. Raises ConfigError without a server, StepError if it refuses."""
        server = load_settings().read_smtp()
        if server is None:
            raise ConfigError("no mail server is set: describe it in [smtp] of nightjar.toml")
        message = EmailMessage()
        message["From"] = server.section.sender
        message["To"] = ", ".join(self.to)
        message["Subject"] = subject or "Nightjar"
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="nightjar.invalid")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        with connect(server) as session:
            session.send_message(message)
