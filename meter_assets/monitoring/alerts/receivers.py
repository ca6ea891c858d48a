"""Reads from the environment's variables who receives alerts and the heartbeat, and by which channel.

Add a variable here only for a channel with a module of its own; everything that Apprise reaches is an entry of
METER_ASSETS_ALERT_URLS. Values are secrets: no error repeats them. `settings` reads the environment.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from meter_assets.errors import InvalidSettings
from meter_assets.monitoring.alerts.apprise_service import Service
from meter_assets.monitoring.alerts.delivery import Channel
from meter_assets.monitoring.alerts.heartbeat import Heartbeat
from meter_assets.monitoring.alerts.mail import Mail, MailServer
from meter_assets.monitoring.alerts.webhook import Webhook

URLS_VARIABLE = "METER_ASSETS_ALERT_URLS"
WEBHOOK_VARIABLE = "METER_ASSETS_ALERT_WEBHOOK_URL"
SMTP_VARIABLE = "METER_ASSETS_ALERT_SMTP_URL"
MAIL_TO_VARIABLE = "METER_ASSETS_ALERT_EMAIL_TO"
MAIL_FROM_VARIABLE = "METER_ASSETS_ALERT_EMAIL_FROM"
UI_URL_VARIABLE = "METER_ASSETS_UI_URL"
HEARTBEAT_VARIABLE = "METER_ASSETS_HEARTBEAT_URL"
_MAIL_VARIABLES = (SMTP_VARIABLE, MAIL_TO_VARIABLE, MAIL_FROM_VARIABLE)
VARIABLES = (URLS_VARIABLE, WEBHOOK_VARIABLE, *_MAIL_VARIABLES, UI_URL_VARIABLE)
_ADDRESS = re.compile(r"""[^@\s,<>()\[\]:;"\\]+@[^@\s,<>()\[\]:;"\\]+""")


def channels(variables: Mapping[str, str]) -> list[Channel]:
    """Return the channels that these variables name. Raises InvalidSettings for a value that cannot be used."""
    mail = {name: variables.get(name) for name in _MAIL_VARIABLES}
    return [
        *_webhooks(variables.get(WEBHOOK_VARIABLE)),
        *(_mails(mail) if any(value is not None for value in mail.values()) else []),
        *_services(variables.get(URLS_VARIABLE)),
    ]


def ui_address(variables: Mapping[str, str]) -> str:
    """Return the address of the Dagster UI for the links in messages, without a slash at its end; "" if none is set.

    Raises InvalidSettings for a value that is no address, or that contains a password.
    """
    url = variables.get(UI_URL_VARIABLE)
    if url is None:
        return ""
    parts = urlsplit(url) if _is_web_address(url) else None
    if parts is None or parts.username or parts.query:
        raise InvalidSettings(
            f"{UI_URL_VARIABLE} must be the address of the Dagster UI, such as https://meter-assets.example.com, "
            "without a user, a password or a query. Correct it, or unset it to send alerts without links."
        )
    return url.rstrip("/")


def heartbeat(variables: Mapping[str, str]) -> Heartbeat | None:
    """Return what is called after each pass of the watching, or None. Raises InvalidSettings for an invalid URL."""
    url = variables.get(HEARTBEAT_VARIABLE)
    if url is None:
        return None
    if not _is_web_address(url):
        raise InvalidSettings(f"{HEARTBEAT_VARIABLE} is not a URL that starts with http:// or https:// and a host.")
    return Heartbeat(url)


def _webhooks(url: str | None) -> list[Webhook]:
    if url is None:
        return []
    if not _is_web_address(url):
        raise InvalidSettings(f"{WEBHOOK_VARIABLE} is not a URL that starts with http:// or https:// and a host.")
    return [Webhook(url)]


def _services(urls: str | None) -> list[Service]:
    if urls is None:
        return []
    entries = urls.split()
    if not entries:
        raise InvalidSettings(f"{URLS_VARIABLE} is set but empty. Name receivers by their URLs, or unset the variable.")
    found = [Service.from_url(url, f"entry {number} of {URLS_VARIABLE}") for number, url in enumerate(entries, start=1)]
    return list({one.name: one for one in found}.values())


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
        is_whole = parts.port != 0 and not parts.fragment  # a '#' in a password would make the user's name the host
        has_blank = any(one.isspace() for one in given)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and is_whole and not has_blank
    except ValueError:  # such as a port that is not a number
        return False
