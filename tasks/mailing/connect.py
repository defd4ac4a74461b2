"""A connection to the mail server: encrypted as the settings say, its certificate checked, logged in. Network, no clock."""

from __future__ import annotations

import smtplib
import socket
import ssl

from tasks.contracts.digesting import MailServer
from tasks.contracts.errors import NightjarError, TerminalError, TransientError
from tasks.mailing.patience import PatientSMTP, PatientSMTPOverTLS

TEMPORARY = range(400, 500)


def connect(server: MailServer) -> smtplib.SMTP:
    """An open connection, ready for mail. Close it with quit().

    Raises TransientError where a later try may go well (no answer, 4xx), else TerminalError. No message holds the password.
    """
    section = server.section
    where = f"the mail server {section.host}:{section.port}"
    try:
        smtp = _open(server)
    except ssl.SSLCertVerificationError as error:
        raise TerminalError(
            f"{where} has a certificate that is not trusted ({error.verify_message}); name its authority in smtp.ca_file"
        ) from None
    except ssl.SSLError as error:
        raise TerminalError(
            f"{where} does not speak TLS from the start ({error.reason}); say smtp.security = 'starttls', or another port"
        ) from None
    except smtplib.SMTPConnectError as error:
        raise _refused(where, "does not take connections now", error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(f"{where} can't be reached: {error}; check smtp.host and smtp.port") from None
    try:
        _make_ready(smtp, server, where)
    except (NightjarError, OSError):
        smtp.close()
        raise
    if smtp.sock is not None:
        # A mail is two writes, its text and the dot; the system must not hold the dot back until the text is confirmed.
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return smtp


def describe_reply(code: int, reply: bytes | str) -> str:
    """A server's reply in one line, at most 200 characters."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return f"{code} {' '.join(text.split())}"[:200]


def _open(server: MailServer) -> smtplib.SMTP:
    section = server.section
    if section.security == "tls":
        return PatientSMTPOverTLS(section.host, section.port, timeout=section.timeout_s, context=_trust(server))
    return PatientSMTP(section.host, section.port, timeout=section.timeout_s)


def _make_ready(smtp: smtplib.SMTP, server: MailServer, where: str) -> None:
    section = server.section
    try:
        smtp.ehlo_or_helo_if_needed()
        if section.security == "starttls":
            smtp.starttls(context=_trust(server))
            smtp.ehlo()
        if section.user and server.password is not None:
            smtp.login(section.user, server.password.get_secret_value())
    except ssl.SSLCertVerificationError as error:
        raise TerminalError(
            f"{where} has a certificate that is not trusted ({error.verify_message}); name its authority in smtp.ca_file"
        ) from None
    except smtplib.SMTPAuthenticationError as error:
        told = f"refuses the user {section.user!r} with the password in {section.password_env!r}"
        raise _refused(where, told, error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPNotSupportedError as error:
        raise TerminalError(f"{where}: {str(error).rstrip('.')}; check smtp.security and smtp.user") from None
    except smtplib.SMTPResponseException as error:
        raise _refused(where, "refuses the connection", error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(f"{where} closed the connection before it took any mail: {error}") from None


def _trust(server: MailServer) -> ssl.SSLContext:
    file = server.section.ca_file
    try:
        return ssl.create_default_context(cafile=None if file is None else str(file))
    except OSError as error:
        raise TerminalError(f"smtp.ca_file {str(file)!r} can't be read: {error}") from None


def _refused(where: str, told: str, code: int, reply: bytes | str) -> NightjarError:
    kind = TransientError if code in TEMPORARY else TerminalError
    return kind(f"{where} {told}: {describe_reply(code, reply)}")
