"""Delivers one message to one receiver: the interface of channels, the errors of a delivery, and its time-outs.

Add a module beside this one for a channel that needs its own code, such as `webhook`, `mail` and `apprise_service`. The
channels that the environment names are in `receivers`, the text of messages in `messages`, and the events that cause
alerts in `defs.alerts`.
"""

import logging
import threading
import time
from typing import Any, Protocol

import requests

from meter_assets.monitoring.alerts.messages import Message

SECONDS_TO_WAIT = 10
"""How long the caller waits for a delivery."""
SECONDS_TO_ANSWER = 60
"""How long a receiver may send no response before a delivery fails."""
_NOT_ABOUT_THE_MESSAGE = frozenset({401, 403, 404, 407, 408, 410, 425, 429})
"""The 4xx statuses that do not refuse the message itself: any other message would get the same response."""
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # at DEBUG it logs the path of every URL
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # at WARNING, the URL of a malformed response


class NotDelivered(Exception):
    """A receiver did not accept a message. The message is sent again later."""


class NotThisMessage(NotDelivered):
    """A receiver refused the content of a message: later messages need not wait for it."""


class Channel(Protocol):
    """A way to a receiver."""

    @property
    def name(self) -> str:
        """The channel's name in the outbox, which is stored: without any secret, and the same after a restart."""

    @property
    def receiver(self) -> str:
        """The receiver as errors name it, without any secret."""

    def deliver(self, message: Message) -> None:
        """Deliver a message. Raises NotDelivered without any secret in its text, or any error of the libraries."""


def refusal(receiver: str, status: int) -> NotDelivered:
    """Return the error for an HTTP status that is not a success."""
    refuses_content = 400 <= status < 500 and status not in _NOT_ABOUT_THE_MESSAGE
    error = NotThisMessage if refuses_content else NotDelivered
    return error(f"{receiver} answered with status {status}")


def request(receiver: str, method: str, url: str, **content: Any) -> None:
    """Send an HTTP request, such as a POST of `json`. Raises NotDelivered for any status except success.

    No redirect is followed: it would turn a POST into a GET without the content. The body of the response is not read.
    """
    options: dict[str, Any] = {"timeout": SECONDS_TO_ANSWER, "allow_redirects": False, "stream": True}
    with requests.request(method, url, **content, **options) as response:
        status = response.status_code
    if not 200 <= status < 300:
        raise refusal(receiver, status)


class _Attempt(threading.Thread):
    """A delivery in progress."""

    def __init__(self, way: Channel, message: Message) -> None:
        super().__init__(name=f"alert by {way.name}", daemon=True)  # a process that ends does not wait for it
        self.problem: NotDelivered | None = NotDelivered(f"{way.receiver} did not take it")
        self._way, self._message = way, message

    def run(self) -> None:
        """Deliver; any error means that the message was not delivered."""
        try:
            self._way.deliver(self._message)
            self.problem = None
        except NotDelivered as error:
            self.problem = error
        except Exception as error:
            # After any error of a library, the other receivers must still get their messages. The text of the
            # library's error may contain a URL or a password.
            self.problem = NotDelivered(f"{self._way.receiver} did not take it ({type(error).__name__})")


_in_progress: dict[tuple[Channel, str], _Attempt] = {}


def deliver(way: Channel, message: Message) -> None:
    """Deliver a message, and wait at most SECONDS_TO_WAIT for it. Raises NotDelivered.

    A delivery that takes longer continues in the background, and the next call for the same message gets its outcome.
    So a message is not sent again and again to a slow receiver.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT
    key = way, message.id
    attempt = _in_progress.pop(key, None)
    if attempt:
        attempt.join(SECONDS_TO_WAIT)
    if attempt is None or (attempt.problem and not attempt.is_alive()):
        attempt = _Attempt(way, message)
        attempt.start()
        attempt.join(max(deadline - time.monotonic(), 0))
    if attempt.is_alive():
        _in_progress[key] = attempt
        raise NotDelivered(f"{way.receiver} did not take it within {SECONDS_TO_WAIT} seconds")
    if attempt.problem:
        raise attempt.problem
