"""Receivers of alerts: real HTTP and SMTP servers on the loopback that work, refuse, hang, or answer slowly."""

import asyncio
import json
import threading
import time
from contextlib import suppress
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

PASSWORD = "sesame-of-the-mail"


SECONDS = 10


TRICKLE = 0


class Hook:
    """A web server that takes messages, or does not."""

    def __init__(self, port: int = 0) -> None:
        """Start to listen."""
        self.received: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answer: int | None = 200
        """The status to answer with; None to hang, TRICKLE to go on with an answer that has no end."""
        self.refuse_next = 0
        """So many messages are refused first."""
        self.refuse_with = 503
        self.header = "X-Odd"
        self.seconds = 0.0
        """How long it takes to answer."""
        self._closing = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.paths.append(self.path)
                time.sleep(hook.seconds)
                if hook.answer is None:
                    hook._closing.wait(SECONDS)
                    return
                if hook.answer == TRICKLE:
                    self.trickle()
                    return
                answer = hook.refuse_with if hook.refuse_next else hook.answer
                hook.refuse_next = max(hook.refuse_next - 1, 0)
                if 200 <= answer < 300:
                    hook.received.append(body)
                with suppress(OSError):  # who has had enough of the answer hangs up
                    self.send_response(answer)
                    self.send_header("Location", "/elsewhere")
                    self.send_header(hook.header, "yes")
                    self.end_headers()

            def do_GET(self) -> None:
                hook.paths.append(self.path)
                if hook.answer is None:
                    hook._closing.wait(SECONDS)
                    return
                with suppress(OSError):
                    self.send_response(hook.answer)
                    self.end_headers()

            def trickle(self) -> None:
                started = time.monotonic()
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.0 503 Later\r\nX-Slow: ")
                    while (
                        hook.answer == TRICKLE and time.monotonic() - started < SECONDS and not hook._closing.wait(0.05)
                    ):
                        self.wfile.write(b"x")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Stop to listen."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Mailbox:
    """A mail server that wants a password, and keeps what it is sent."""

    def __init__(self, port: int, password: str = PASSWORD, **how: Any) -> None:
        """Start to listen; with TLS, if the controller is told how."""
        self.received: list[Any] = []
        self.passwords: list[str] = []
        """Those that it has been told."""
        self.answer, self.goodbye = "250 OK", "221 Bye"
        self.refused: set[str] = set()
        """Addresses for which nothing is taken now."""
        self.seconds = 0.0
        """How long some of its answers take."""
        self._password = password
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=port,
            authenticator=self._authenticate,
            auth_required=True,
            auth_require_tls=False,
            **how,
        )
        self._controller.start()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.passwords.append(data.password.decode())
        return AuthResult(success=data.password == self._password.encode())

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or not yet."""
        await asyncio.sleep(self.seconds)
        if address in self.refused:
            return "450 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Part."""
        return self.goodbye

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message."""
        await asyncio.sleep(self.seconds)
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer

    def close(self) -> None:
        """Stop to listen."""
        self._controller.stop()
