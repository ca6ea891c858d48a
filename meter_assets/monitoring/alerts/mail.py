"""The mailboxes of METER_ASSETS_ALERT_EMAIL_TO and their mail server, which is used with TLS unless that is turned off.

Apprise does not send these mails: it cannot log in with a password that is not ASCII, does not report that a server
refused the content of a mail for good, and gives each mail a new Message-ID. Other mail needs no code, only a URL
(`apprise_service`). MailServer raises what the libraries raise, whose text may contain secrets: its callers must not
repeat it.
"""

import base64
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.messages import Message

PORTS = {"smtp": 587, "smtps": 465}
_AUTHENTICATED = 235


@dataclass(frozen=True)
class MailServer:
    """A mail server, and how to log in there."""

    host: str
    port: int
    is_tls: bool
    """Whether the connection uses TLS from the start."""
    starttls: bool
    """Whether to start with STARTTLS. A server without STARTTLS then receives no mail and no password."""
    user: str
    password: str = field(repr=False)

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """Return the server that a URL such as smtp://user:password@host:587 names. Raises ValueError for any other."""
        parts = urlsplit(url)
        # An unescaped '#', '/' or '?' in a password would turn the user's name into the host, and the rest into a port.
        if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise ValueError("not the URL of a mail server")
        if parts.port == 0 or (parts.password and not parts.username):
            raise ValueError("an invalid port, or a password without a user")
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
        """Send a mail. Raises OSError or an error of smtplib if it was not accepted."""
        server = self._connected(seconds_to_answer)
        try:
            if self.starttls and not self.is_tls:
                server.starttls(context=ssl.create_default_context())
            if self.user:
                self._log_in(server)
            server.send_message(mail, sender, [receiver])
            with suppress(OSError):
                server.putcmd("quit")  # the mail was accepted: the reply to this does not matter
        finally:
            server.close()

    def _connected(self, seconds_to_answer: float) -> smtplib.SMTP:
        if self.is_tls:
            # Without a context, smtplib accepts any certificate.
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=seconds_to_answer, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=seconds_to_answer)

    def _log_in(self, server: smtplib.SMTP) -> None:
        if f"{self.user}{self.password}".isascii():
            server.login(self.user, self.password)
            return
        # smtplib logs in with ASCII only; PLAIN is the mechanism whose encoding is defined (RFC 4616).
        server.ehlo_or_helo_if_needed()
        given = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        code, said = server.docmd("AUTH", f"PLAIN {given}")
        if code != _AUTHENTICATED:
            raise smtplib.SMTPAuthenticationError(code, said)


def _starttls(url: SplitResult) -> bool:
    name, _, value = (url.query or "starttls=true").partition("=")
    if name != "starttls" or value.lower() not in ("true", "false"):
        raise ValueError("an invalid option")
    return value.lower() == "true"


@dataclass(frozen=True)
class Mail:
    """A mailbox, reached by a mail server. Each gets its own mail, since a server may refuse only one of them."""

    server: MailServer
    sender: str
    mailbox: str

    @property
    def name(self) -> str:
        """The channel's name in the outbox."""
        return f"mail to {self.mailbox}"

    @property
    def receiver(self) -> str:
        """The mail server, and the mailbox."""
        return f"the mail server {self.server}, for {self.mailbox},"

    def deliver(self, message: Message) -> None:
        """Send the message. Raises NotThisMessage if the server permanently refuses its content."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.headline, self.sender, self.mailbox
        mail["Message-ID"] = f"<{message.id}@meter-assets>"
        mail.set_content(message.text)
        try:
            self.server.send(mail, self.sender, self.mailbox, delivery.SECONDS_TO_ANSWER)
        except smtplib.SMTPDataError as error:
            refused = delivery.NotThisMessage if error.smtp_code >= 500 else delivery.NotDelivered
            raise refused(f"{self.receiver} did not take it (reply {error.smtp_code})") from None
