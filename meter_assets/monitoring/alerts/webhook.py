"""The webhook of METER_ASSETS_ALERT_WEBHOOK_URL, which receives the whole message as JSON.

Apprise does not send it, because its payload is text: receivers read `newly_failing` and `recovered` from this JSON,
with tenants and checks as values. Any other kind of webhook needs no code, only a URL (`apprise_service`).
"""

import html
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.messages import Message

_PLAIN_TEXT = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
"""Makes Slack and compatible services show the text unchanged: data must not become a link or notify a channel."""


@dataclass(frozen=True)
class Webhook:
    """A URL that takes JSON: Slack and compatible services read `text`, others the rest."""

    url: str = field(repr=False)
    name: str = "webhook"

    @property
    def receiver(self) -> str:
        """Its host; the rest of the URL is as secret as a password."""
        return f"the webhook at {urlsplit(self.url).hostname}"

    def deliver(self, message: Message) -> None:
        """Post the message. Raises NotDelivered for any response except success."""
        text = html.escape(message.text, quote=False)
        body = {"text": text, **_PLAIN_TEXT, "id": message.id, **message.model_dump(mode="json")}
        delivery.request(self.receiver, "POST", self.url, json=body)
