"""The heartbeat: a URL that is called after each pass of the watching, so that its silence is an alert.

The receiver is a dead man's switch outside this machine, which sends its own alert if no call comes. Like an alert, the
call has time-outs, verifies certificates, follows no redirect, and repeats no secret. `receivers` reads the URL.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.messages import Message


@dataclass(frozen=True)
class Heartbeat:
    """A URL to call, which is as secret as a password. It is a channel that sends only that something happened."""

    url: str = field(repr=False)
    name: str = "heartbeat"

    @property
    def receiver(self) -> str:
        """Its host."""
        return f"the heartbeat at {urlsplit(self.url).hostname}"

    def deliver(self, _message: Message) -> None:
        """Call the URL with GET, which every such service accepts. Raises NotDelivered for any status but success."""
        delivery.request(self.receiver, "GET", self.url)
