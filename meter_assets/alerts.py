"""Telling people: what a message says, and how it reaches a webhook or a mailbox. No Dagster, no SQL.

What is news is decided in `defs.alerts`. Secrets (a webhook's URL, the mail server's password) are read from the
environment and never repeated.
"""

import hashlib
import logging
import os
import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import requests
from pydantic import BaseModel

from meter_assets.errors import InvalidSettings

WEBHOOK_VARIABLE = "METER_ASSETS_ALERT_WEBHOOK_URL"
SMTP_VARIABLE = "METER_ASSETS_ALERT_SMTP_URL"
MAIL_TO_VARIABLE = "METER_ASSETS_ALERT_EMAIL_TO"
MAIL_FROM_VARIABLE = "METER_ASSETS_ALERT_EMAIL_FROM"
SECONDS_TO_ANSWER = 10
LISTED = 20
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
_PORTS = {"smtp": 587, "smtps": 465}
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # at DEBUG it tells the path of every URL


class News(BaseModel):
    """One check of one tenant that has begun to fail, or has recovered."""

    tenant: str
    check: str
    severity: str
    says: str
    """What the check says of it; of a recovered one, its law."""


class Message(BaseModel):
    """What one run has brought: the checks that are newly failing, and those that have recovered."""

    run_id: str
    newly_failing: list[News] = []
    recovered: list[News] = []

    @property
    def id(self) -> str:
        """The same for the same message, should it be delivered twice."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def headline(self) -> str:
        """The message in one line."""
        parts = [
            f"{_checks(len(found))} {verb}"
            for found, verb in ((self.newly_failing, "newly failing"), (self.recovered, "recovered"))
            if found
        ]
        return f"meter-assets: {', '.join(parts)}"

    @property
    def text(self) -> str:
        """The message in full, for people."""
        lines = [self.headline]
        for title, found in (("Newly failing", self.newly_failing), ("Recovered", self.recovered)):
            if found:
                lines += [
                    "",
                    f"{title}:",
                    *(f"- tenant {one.tenant}, {one.check}: {one.says}" for one in found[:LISTED]),
                ]
            if len(found) > LISTED:
                lines.append(f"- and {len(found) - LISTED:,} more; the checks in the Dagster UI have them all")
        return "\n".join([*lines, "", f"Run {self.run_id}"])


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count:,} checks"


class NotDelivered(Exception):
    """A receiver did not take a message; it is to be tried again."""


class Channel(Protocol):
    """A way to a receiver."""

    @property
    def name(self) -> str:
        """What it is called in the outbox."""

    def deliver(self, message: Message) -> None:
        """Deliver a message. Raises NotDelivered, without any secret in its words."""


@dataclass(frozen=True)
class Webhook:
    """A URL that takes JSON: Slack's and its likes read `text`, others the rest."""

    url: str
    name: str = "webhook"

    def deliver(self, message: Message) -> None:
        """Post the message. Raises NotDelivered."""
        body = {"text": message.text, "id": message.id, **message.model_dump(mode="json")}
        # Redirects would make a GET of it, without the message. What is answered is of no interest, so it is not read.
        how: dict[str, Any] = {"timeout": SECONDS_TO_ANSWER, "allow_redirects": False, "stream": True}
        try:
            with requests.post(self.url, json=body, **how) as answer:
                status = answer.status_code
        except (requests.RequestException, ValueError) as error:
            # The error's own words have the URL in them, which is as good as a password.
            raise NotDelivered(f"the webhook at {self._host} did not answer ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"the webhook at {self._host} answered with status {status}")

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or "its host"


@dataclass(frozen=True)
class Mail:
    """Mailboxes, by way of a mail server such as smtp://user:password@host:587."""

    server: str
    sender: str
    receivers: Sequence[str]
    name: str = "mail"

    def deliver(self, message: Message) -> None:
        """Send the message. Raises NotDelivered."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.headline, self.sender, ", ".join(self.receivers)
        mail["Message-ID"] = f"<{message.id}@meter-assets>"
        mail.set_content(message.text)
        url = urlsplit(self.server)
        host, port = url.hostname or "localhost", url.port or _PORTS[url.scheme]
        try:
            with self._connected(host, port) as server:
                if url.scheme == "smtp" and parse_qs(url.query).get("starttls", ["true"]) == ["true"]:
                    server.starttls(context=ssl.create_default_context())
                if url.username:
                    server.login(unquote(url.username), unquote(url.password or ""))
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"the mail server {host}:{port} did not take it ({type(error).__name__})") from None

    def _connected(self, host: str, port: int) -> smtplib.SMTP:
        if urlsplit(self.server).scheme == "smtps":
            # By themselves, smtplib's connections would take any certificate.
            return smtplib.SMTP_SSL(host, port, timeout=SECONDS_TO_ANSWER, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=SECONDS_TO_ANSWER)


def channels(environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """Return the ways to receivers that the environment names. Raises InvalidSettings for what cannot be used."""
    found: list[Channel] = []
    webhook = environment.get(WEBHOOK_VARIABLE)
    if webhook is not None:
        if not _is_url(webhook, "http", "https"):
            raise InvalidSettings(f"{WEBHOOK_VARIABLE} is not a URL that begins with http:// or https:// and a host.")
        found.append(Webhook(webhook))
    mail = {name: environment.get(name) for name in (SMTP_VARIABLE, MAIL_TO_VARIABLE, MAIL_FROM_VARIABLE)}
    if any(value is not None for value in mail.values()):
        found.append(_mail(mail))
    return found


def _mail(given: Mapping[str, str | None]) -> Mail:
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise InvalidSettings(f"To send e-mail, set {', '.join(missing)} too.")
    server = given[SMTP_VARIABLE] or ""
    if not _is_url(server, *_PORTS):
        raise InvalidSettings(
            f"{SMTP_VARIABLE} must read like smtp://user:password@host:587 (add ?starttls=false for a server without "
            "TLS), or smtps://user:password@host."
        )
    receivers = [one.strip() for one in (given[MAIL_TO_VARIABLE] or "").split(",")]
    sender = (given[MAIL_FROM_VARIABLE] or "").strip()
    for name, addresses in ((MAIL_TO_VARIABLE, receivers), (MAIL_FROM_VARIABLE, [sender])):
        if not all(_ADDRESS.fullmatch(one) for one in addresses):
            raise InvalidSettings(f"{name} must have addresses such as billing@example.org; several with commas.")
    return Mail(server, sender, receivers)


def _is_url(given: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        return False
