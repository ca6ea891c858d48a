"""A mail server, and how it is handed a mail: never without TLS unless that is turned off. Nothing here knows alerts.

What goes wrong is raised as the libraries raise it. Their words may have secrets in them: who repeats them sees to it.
"""

import base64
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
_AUTHENTICATED = 235


@dataclass(frozen=True)
class MailServer:
    """A mail server, and who we are to it."""

    host: str
    port: int
    is_tls: bool
    """Whether all is in TLS, from the start."""
    starttls: bool
    """Whether TLS is begun before anything is told; where it cannot be, nothing is."""
    user: str
    password: str

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """Return what a URL such as smtp://user:password@host:587 names. Raises ValueError for any other."""
        parts = urlsplit(url)
        # A '#', '/' or '?' that belongs to a password would make a host of the user's name, and a port of its rest.
        if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise ValueError("not the URL of a mail server")
        if parts.port == 0 or (parts.password and not parts.username):
            raise ValueError("a port or a user that is none")
        return cls(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            starttls=_starttls(parts),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def send(self, mail: EmailMessage, sender: str, receiver: str, seconds_to_answer: float) -> None:
        """Send a mail. Raises what smtplib does, and OSError, for one that was not taken."""
        server = self._connected(seconds_to_answer)
        try:
            if self.starttls and not self.is_tls:
                server.starttls(context=ssl.create_default_context())
            if self.user:
                self._log_in(server)
            server.send_message(mail, sender, [receiver])
            with suppress(OSError):
                server.putcmd("quit")  # it has the mail: what it says to this is of no interest
        finally:
            server.close()

    def _connected(self, seconds_to_answer: float) -> smtplib.SMTP:
        if self.is_tls:
            # By themselves, smtplib's connections would take any certificate.
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=seconds_to_answer, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=seconds_to_answer)

    def _log_in(self, server: smtplib.SMTP) -> None:
        if f"{self.user}{self.password}".isascii():
            server.login(self.user, self.password)
            return
        # smtplib's own ways know ASCII only; of all ways, PLAIN is the one whose encoding is defined (RFC 4616).
        server.ehlo_or_helo_if_needed()
        given = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        code, said = server.docmd("AUTH", f"PLAIN {given}")
        if code != _AUTHENTICATED:
            raise smtplib.SMTPAuthenticationError(code, said)


def _starttls(url: SplitResult) -> bool:
    name, _, value = (url.query or "starttls=true").partition("=")
    if name != "starttls" or value.lower() not in ("true", "false"):
        raise ValueError("an option that is none")
    return value.lower() == "true"
