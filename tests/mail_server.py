"""A real mail server on loopback (aiosmtpd) that keeps what it gets, and refuses, puts off or drops as a test asks it to."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
Reply = str | None
DROP = "drop"


@dataclass
class Post:
    """What the server got, and how it answers: rcpt and data are asked for a reply, None: take it; DROP: hang up.

    n_connections counts connections that said hello; users are those who logged in.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    n_connections: int = 0
    sender: Callable[[str], Reply] = lambda address: None
    rcpt: Callable[[str], Reply] = lambda address: None
    data: Callable[[str], Reply] = lambda address: None

    def mail_to(self, address: str) -> EmailMessage:
        """The one mail that went to an address."""
        [found] = [mail for mail, to in zip(self.mails, self.recipients, strict=True) if to == address]
        return found

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.n_connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if reply := self.sender(address):
            return self._answer(server, reply)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if reply := self.rcpt(address):
            return self._answer(server, reply)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = self.data(envelope.rcpt_tos[0])
        if reply and reply != DROP:
            return reply
        self.raw.append(envelope.original_content)
        self.mails.append(message_from_bytes(envelope.original_content, policy=default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return self._answer(server, DROP) if reply else "250 OK"

    def _answer(self, server: Any, reply: str) -> str:
        if reply == DROP:
            server.transport.abort()
            return "421 gone"
        return reply


class _Controller(Controller):
    """Listens on a free port."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(*, password: str = "", certificate: Path | None = None, is_tls: bool = False) -> Iterator[Post]:
    """A server for plain connections; with a certificate (PEM with key) for STARTTLS only, or TLS from the start."""
    post = Post()
    more: dict[str, Any] = {}
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        more |= {"ssl_context": context} if is_tls else {"tls_context": context, "require_starttls": True}
    if password:

        def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
            is_right = isinstance(auth, LoginPassword) and auth.password == password.encode()
            if is_right:
                post.users.append(auth.login.decode())
            return AuthResult(success=is_right, handled=False)

        more |= {
            "authenticator": check,
            "auth_required": True,
            "auth_require_tls": certificate is not None and not is_tls,
        }
    controller = _Controller(post, hostname=HOST, port=0, **more)
    with warnings.catch_warnings():
        # It warns of passwords without TLS, which on loopback is what a test may want.
        warnings.simplefilter("ignore")
        controller.start()
    post.port = controller.port
    post.n_connections = 0
    try:
        yield post
    finally:
        controller.stop()


def make_certificate(path: Path) -> Path:
    """A certificate of its own making for this machine's loopback address, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nightjar test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
