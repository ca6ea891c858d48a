"""Telling people: how a message reaches a webhook or a mailbox. No Dagster, no SQL.

What is news is decided in `defs.alerts`, what is said of it in `messages`. Secrets (a webhook's URL, the mail server's
password) are read from the environment and never repeated.
"""

import html
import logging
import os
import re
import smtplib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from meter_assets.errors import InvalidSettings
from meter_assets.monitoring.alerts.mail import MailServer
from meter_assets.monitoring.alerts.messages import Message

WEBHOOK_VARIABLE = "METER_ASSETS_ALERT_WEBHOOK_URL"
SMTP_VARIABLE = "METER_ASSETS_ALERT_SMTP_URL"
MAIL_TO_VARIABLE = "METER_ASSETS_ALERT_EMAIL_TO"
MAIL_FROM_VARIABLE = "METER_ASSETS_ALERT_EMAIL_FROM"
SECONDS_TO_WAIT = 10
"""How long a delivery is waited for, whatever the receiver does."""
SECONDS_TO_ANSWER = 60
"""How long a receiver may be silent before a delivery has failed."""
_PLAIN_TEXT = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
"""What tells Slack, and its likes, to show a text as it is: data must not become a link or call a whole channel."""
_ADDRESS = re.compile(r"""[^@\s,<>()\[\]:;"\\]+@[^@\s,<>()\[\]:;"\\]+""")
_IS_THE_SENDERS = frozenset({401, 403, 404, 407, 408, 410, 425, 429})
"""What is answered with 4xx and says nothing of the message: any other would be refused just so."""
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # at DEBUG it tells the path of every URL
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # at WARNING, the URL of a strange answer


class NotDelivered(Exception):
    """A receiver did not take a message; it is to be tried again."""


class NotThisMessage(NotDelivered):
    """A receiver refused a message for what it is: others need not wait until it is taken."""


class Channel(Protocol):
    """A way to a receiver."""

    @property
    def name(self) -> str:
        """What it is called in the outbox."""

    @property
    def receiver(self) -> str:
        """What did not take a message, without any secret."""

    def deliver(self, message: Message) -> None:
        """Deliver a message. Raises NotDelivered without any secret in its words, or whatever the libraries raise."""


@dataclass(frozen=True)
class Webhook:
    """A URL that takes JSON: Slack's and its likes read `text`, others the rest."""

    url: str
    name: str = "webhook"

    @property
    def receiver(self) -> str:
        """Its host; the rest of the URL is as good as a password."""
        return f"the webhook at {urlsplit(self.url).hostname}"

    def deliver(self, message: Message) -> None:
        """Post the message. Raises NotDelivered for what is not answered with success."""
        text = html.escape(message.text, quote=False)
        body = {"text": text, **_PLAIN_TEXT, "id": message.id, **message.model_dump(mode="json")}
        # Redirects would make a GET of it, without the message. What is answered is of no interest, so it is not read.
        how: dict[str, Any] = {"timeout": SECONDS_TO_ANSWER, "allow_redirects": False, "stream": True}
        with requests.post(self.url, json=body, **how) as answer:
            status = answer.status_code
        if not 200 <= status < 300:
            refused = NotThisMessage if 400 <= status < 500 and status not in _IS_THE_SENDERS else NotDelivered
            raise refused(f"{self.receiver} answered with status {status}")


@dataclass(frozen=True)
class Mail:
    """A mailbox, by way of a mail server. Each has its own mails: one may be refused where another is not."""

    server: MailServer
    sender: str
    mailbox: str

    @property
    def name(self) -> str:
        """What it is called in the outbox."""
        return f"mail to {self.mailbox}"

    @property
    def receiver(self) -> str:
        """The mail server, and for whom."""
        return f"the mail server {self.server}, for {self.mailbox},"

    def deliver(self, message: Message) -> None:
        """Send the message. Raises NotThisMessage for content that is refused for good."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.headline, self.sender, self.mailbox
        mail["Message-ID"] = f"<{message.id}@meter-assets>"
        mail.set_content(message.text)
        try:
            self.server.send(mail, self.sender, self.mailbox, SECONDS_TO_ANSWER)
        except smtplib.SMTPDataError as error:
            refused = NotThisMessage if error.smtp_code >= 500 else NotDelivered
            raise refused(f"{self.receiver} did not take it (reply {error.smtp_code})") from None


class _Attempt(threading.Thread):
    """A delivery under way."""

    def __init__(self, way: Channel, message: Message) -> None:
        super().__init__(name=f"alert by {way.name}", daemon=True)  # a process that ends does not wait for it
        self.problem: NotDelivered | None = NotDelivered(f"{way.receiver} did not take it")
        self._way, self._message = way, message

    def run(self) -> None:
        """Deliver; whatever goes wrong is that it was not delivered."""
        try:
            self._way.deliver(self._message)
            self.problem = None
        except NotDelivered as error:
            self.problem = error
        except Exception as error:
            # Nothing that a receiver or a setting makes a library raise may keep others from their messages. Its own
            # words may have a URL in them, or a password.
            self.problem = NotDelivered(f"{self._way.receiver} did not take it ({type(error).__name__})")


_under_way: dict[tuple[Channel, str], _Attempt] = {}


def deliver(way: Channel, message: Message) -> None:
    """Deliver a message, and wait SECONDS_TO_WAIT for it at most. Raises NotDelivered.

    What takes longer goes on, since most of it may be done: the next call for the same message hears how it ended. So
    one that a receiver takes slowly is not sent again and again.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT
    key = way, message.id
    attempt = _under_way.pop(key, None)
    if attempt:
        attempt.join(SECONDS_TO_WAIT)
    if attempt is None or (attempt.problem and not attempt.is_alive()):
        attempt = _Attempt(way, message)
        attempt.start()
        attempt.join(max(deadline - time.monotonic(), 0))
    if attempt.is_alive():
        _under_way[key] = attempt
        raise NotDelivered(f"{way.receiver} did not take it within {SECONDS_TO_WAIT} seconds")
    if attempt.problem:
        raise attempt.problem


def channels(environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """Return the ways to receivers that the environment names. Raises InvalidSettings for what cannot be used."""
    found: list[Channel] = []
    webhook = environment.get(WEBHOOK_VARIABLE)
    if webhook is not None:
        if not _is_web_address(webhook):
            raise InvalidSettings(f"{WEBHOOK_VARIABLE} is not a URL that begins with http:// or https:// and a host.")
        found.append(Webhook(webhook))
    mail = {name: environment.get(name) for name in (SMTP_VARIABLE, MAIL_TO_VARIABLE, MAIL_FROM_VARIABLE)}
    if any(value is not None for value in mail.values()):
        found += _mails(mail)
    return found


def _mails(given: Mapping[str, str | None]) -> list[Mail]:
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise InvalidSettings(f"To send e-mail, set {', '.join(missing)} too.")
    try:
        server = MailServer.from_url(given[SMTP_VARIABLE] or "")
    except ValueError:
        raise InvalidSettings(
            f"{SMTP_VARIABLE} must read like smtp://user:password@host:587 (add ?starttls=false for a server without "
            "TLS; it is true or false, and nothing else can be added), or smtps://user:password@host. In a password, "
            "write %23 for '#', %2F for '/' and %3F for '?'."
        ) from None
    mailboxes = [one.strip() for one in (given[MAIL_TO_VARIABLE] or "").split(",")]
    sender = (given[MAIL_FROM_VARIABLE] or "").strip()
    for name, addresses in ((MAIL_TO_VARIABLE, mailboxes), (MAIL_FROM_VARIABLE, [sender])):
        if not all(_ADDRESS.fullmatch(one) for one in addresses):
            raise InvalidSettings(f"{name} must have addresses such as billing@example.org; several with commas.")
    return [Mail(server, sender, mailbox) for mailbox in dict.fromkeys(mailboxes)]


def _is_web_address(given: str) -> bool:
    try:
        parts = urlsplit(given)
        is_whole = parts.port != 0 and not parts.fragment  # a '#' in a password would make a host of the user's name
        return parts.scheme in ("http", "https") and bool(parts.hostname) and is_whole
    except ValueError:  # such as a port that is no number
        return False
