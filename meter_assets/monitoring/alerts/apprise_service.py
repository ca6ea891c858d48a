"""Receivers that Apprise sends to: Slack, Microsoft Teams, mail, webhooks and many others, each named by one URL.

Apprise parses the URL and builds the request; a new service needs no code here. This module guarantees what Apprise
leaves to its caller: no secret is logged, certificates are verified, redirects are not followed, one URL is one
receiver, and a message is either delivered or not. Add here what must be true of every service. Apprise is an optional
dependency, so it is imported only if a URL names a receiver.
"""

import hashlib
import logging
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from meter_assets.errors import InvalidSettings
from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.messages import Message

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

_STATUS = re.compile(r"\berror=(\d{3})\b")
"""How Apprise's services log the status of a response that is not a success."""
_INSECURE_MAIL = re.compile(r"[?&]mode=insecure\b", re.IGNORECASE)
ROUNDS = 100_000
"""How often the fingerprint of a URL is hashed."""


class _WithoutSecrets(logging.Filter):
    """Reduces Apprise's log records, which may contain URLs, to the fact that a request failed and its status."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the text of a record that names a status; drop every other record."""
        status = _STATUS.search(record.getMessage())
        record.msg = f"A receiver of alerts failed: {status[0]}." if status else ""
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return status is not None


logging.getLogger("apprise").addFilter(_WithoutSecrets())
for _name in ("oauthlib", "requests_oauthlib", "slixmpp"):  # used by some services; at DEBUG they log tokens
    logging.getLogger(_name).setLevel(logging.INFO)


@dataclass(frozen=True)
class Service:
    """One receiver, with its URL for Apprise."""

    url: str = field(repr=False)
    receiver: str
    name: str
    """Its scheme and a fingerprint of its URL, so that entries can be reordered while messages wait for them."""

    @classmethod
    def from_url(cls, url: str, entry: str) -> "Service":
        """Return the receiver that a URL names. Raises InvalidSettings, in which the URL is only called `entry`."""
        service = _service(url)
        if service is None:
            raise InvalidSettings(
                f"{entry[0].upper()}{entry[1:]} is not a URL that Apprise can use. Expected URLs such as "
                "slack://token/token/token, workflows://host/id/signature (Microsoft Teams), "
                "mailtos://user:password@host?from=address&to=address or jsons://host/path, separated by blanks or new "
                "lines; inside a URL, write %20 for a blank."
            )
        problem = _problem(service, url)
        if problem:
            raise InvalidSettings(f"{entry[0].upper()}{entry[1:]} {problem}")
        return cls(url, f"{entry} ({service.service_name})", f"{url.partition(':')[0]} {_fingerprint(url)}")

    def deliver(self, message: Message) -> None:
        """Send the message. Raises NotDelivered."""
        from apprise import Apprise, NotifyFormat, NotifyType

        kind = NotifyType.FAILURE if message.newly_failing_count else NotifyType.SUCCESS
        receiver = Apprise(_service(self.url), asset=_asset())
        body = message.details.strip()
        with receiver.notify(body, message.headline, notify_type=kind, body_format=NotifyFormat.TEXT) as result:
            if result:
                return
            statuses = [int(found[1]) for entry in result.logs() if (found := _STATUS.search(entry.message))]
        if statuses:
            raise delivery.refusal(self.receiver, statuses[-1])
        raise delivery.NotDelivered(f"{self.receiver} did not take it")


def _service(url: str) -> "NotifyBase | None":
    """Return Apprise's object for a URL, or None for a URL that it cannot use."""
    try:
        from apprise import Apprise, OverflowMode
    except ModuleNotFoundError:
        raise InvalidSettings(
            "To send alerts to URLs, Apprise is needed. Run: pip install meter-assets[alerts]"
        ) from None
    service = Apprise.instantiate(url, asset=_asset())
    if service is not None:
        service.optional = False  # its failures would count as successes
        # Unless the URL sets them. Apprise's defaults are four seconds, and texts of any length.
        for name in ("socket_connect_timeout", "socket_read_timeout"):
            vars(service).setdefault(name, delivery.SECONDS_TO_ANSWER)
        vars(service).setdefault("overflow_mode", OverflowMode.TRUNCATE)
    return service


@cache
def _asset() -> "AppriseAsset":
    """Return the options of all services: no threads of their own (ours have time-outs), no files and no pictures."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="meter-assets",
        app_desc="Alerts of meter-assets",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        service_timeout=0,
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
    )


def _problem(service: "NotifyBase", url: str) -> str | None:
    """Return why a URL violates the guarantees of alerts, as the end of a sentence, or None."""
    if not service.verify_certificate or service.redirects:
        return "must not have verify=no or redirect=yes: certificates are verified, and redirects are not followed."
    if len(service) + sum(len(getattr(service, name, ())) for name in ("cc", "bcc")) > 1:
        return "names several receivers. Give each an entry of its own: a message is tried again for each by itself."
    secure_mode = getattr(service, "secure_mode", None)  # only mail has one
    if secure_mode and not getattr(service, "targets", ()):
        return "does not name an address to send mail to, such as to=billing@example.org."
    if secure_mode == "insecure" and not _INSECURE_MAIL.search(url):
        return "sends mail without TLS. Use mailtos://, or add mode=insecure for a server that has no TLS."
    return None


@cache
def _fingerprint(url: str) -> str:
    """Return a short hash of a URL. It is stored, so it is slow to compute: a password cannot be guessed from it."""
    return hashlib.pbkdf2_hmac("sha256", url.encode(), b"meter-assets alerts", ROUNDS, dklen=4).hex()
