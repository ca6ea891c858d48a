"""Delivers one message to one receiver: what a channel is, how a delivery fails, and how long it is waited for.

A channel that needs code of its own gets a module beside this one, as `webhook`, `mail` and `apprise_service`. Which
channels the environment names is in `receivers`, what a message says in `messages`, which events alert in
`defs.alerts`.
"""

import logging
import threading
import time
from typing import Protocol

from meter_assets.monitoring.alerts.messages import Message

SECONDS_TO_WAIT = 10
"""How long a delivery is waited for, whatever the receiver does."""
SECONDS_TO_ANSWER = 60
"""How long a receiver may be silent before a delivery has failed."""
_NOT_ABOUT_THE_MESSAGE = frozenset({401, 403, 404, 407, 408, 410, 425, 429})
"""The 4xx statuses that do not refuse the message itself: any other message would get the same answer."""
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # at DEBUG it logs the path of every URL
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # at WARNING, the URL of a malformed answer


class NotDelivered(Exception):
    """A receiver did not take a message; it is tried again."""


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
        """Deliver a message. Raises NotDelivered without any secret in its text, or whatever the libraries raise."""


def refusal(receiver: str, status: int) -> NotDelivered:
    """Return the error for an HTTP status that is not a success."""
    refuses_content = 400 <= status < 500 and status not in _NOT_ABOUT_THE_MESSAGE
    error = NotThisMessage if refuses_content else NotDelivered
    return error(f"{receiver} answered with status {status}")


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
            # Whatever a receiver or a setting makes a library raise, other receivers still get their messages. The
            # library's own text may contain a URL or a password.
            self.problem = NotDelivered(f"{self._way.receiver} did not take it ({type(error).__name__})")


_in_progress: dict[tuple[Channel, str], _Attempt] = {}


def deliver(way: Channel, message: Message) -> None:
    """Deliver a message, and wait SECONDS_TO_WAIT for it at most. Raises NotDelivered.

    A delivery that takes longer continues in the background, and the next call for the same message gets its outcome.
    So a message that a receiver takes slowly is not sent again and again.
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
