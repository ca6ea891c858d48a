"""Receivers that a URL names: the guarantees of alerts hold for each service that Apprise sends to."""

import json
import logging
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apprise.plugins.slack import NotifySlack

from meter_assets.definitions import build_definitions
from meter_assets.errors import InvalidSettings
from meter_assets.monitoring.alerts import apprise_service, delivery
from meter_assets.monitoring.alerts.messages import Message, News
from meter_assets.monitoring.alerts.receivers import URLS_VARIABLE, WEBHOOK_VARIABLE, channels
from tests.support.alert_sensor import Sensor
from tests.support.processes import free_port, until
from tests.support.receivers import SECONDS, TRICKLE, Hook, Mailbox

BALANCES = "every_meter_balance_equals_its_transactions"
PATH, PASSWORD = "/sesame/path", "sesamepassword"
ADDRESSES = "from=meters@example.org&to=billing@example.org"
FOREIGN = (
    "meter <!channel> <@U1> & <https://evil.example|pay here> ![x](http://127.0.0.1/graphql) [y][z] www.evil.example "
    "someone@evil.example @here\r\n\nRecovered:\n- tenant 1, all: well\x1b[2J\u202e"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),  # of the local server
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),  # imported by Apprise
]


class Chat(Hook):
    """A web server that answers "ok" as Slack does, with TLS where it has a certificate."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__()
        handler: Any = self._server.RequestHandlerClass
        usual = handler.end_headers

        def end_headers(request: Any) -> None:
            usual(request)
            request.wfile.write(b"ok")

        handler.end_headers = end_headers
        if certificate:
            self._server.socket = tls(certificate).wrap_socket(self._server.socket, server_side=True)


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@dataclass
class Receiver:
    """A local receiver of one service: its URL, and the title and text of what it has received."""

    url: str
    server: Chat | Mailbox
    texts: Callable[[Any], tuple[str, str]]

    def received(self) -> list[tuple[str, str]]:
        return [self.texts(one) for one in self.server.received]

    def close(self) -> None:
        self.server.close()


def in_json(body: dict[str, Any]) -> tuple[str, str]:
    return body["title"], body["message"]


def in_slack(body: dict[str, Any]) -> tuple[str, str]:
    assert body["mrkdwn"] is False
    (attachment,) = body["attachments"]
    assert "github" not in json.dumps(body)  # no picture from elsewhere
    return attachment["title"], attachment["text"]


def in_teams(body: dict[str, Any]) -> tuple[str, str]:
    blocks = [one["text"] for one in body["attachments"][0]["content"]["body"] if one["type"] == "TextBlock"]
    return blocks[0], blocks[1]


def in_mail(mail: Any) -> tuple[str, str]:
    assert (mail.get_content_type(), mail["To"]) == ("text/plain", "billing@example.org")
    return mail["Subject"], mail.get_content()


@pytest.fixture
def receive(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Receiver]]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setattr(apprise_service, "ROUNDS", 1)
    with ExitStack() as stack:

        def start(service: str) -> Receiver:
            chat = Chat(certificate if service in ("jsons", "workflows") else None) if service != "mailto" else None
            if chat is None:
                port = free_port()
                url = f"mailto://watch:{PASSWORD}@127.0.0.1:{port}?{ADDRESSES}&mode=insecure"
                return stack.enter_context(closing(Receiver(url, Mailbox(port, PASSWORD), in_mail)))
            if service == "slack":
                monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{chat.port}/services")
            url, texts = {
                "json": (f"json://watch:{PASSWORD}@127.0.0.1:{chat.port}{PATH}", in_json),
                "jsons": (f"jsons://watch:{PASSWORD}@127.0.0.1:{chat.port}{PATH}", in_json),
                "slack": ("slack://T0sesame/B0sesame/C0sesame", in_slack),
                "workflows": (f"workflows://127.0.0.1:{chat.port}/sesameid/sesamesignature", in_teams),
            }[service]
            return stack.enter_context(closing(Receiver(url, chat, texts)))

        yield start


def name(urls: str, sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URLS_VARIABLE, urls)
    assert sensor.tick() == "0 new messages, 0 undelivered."


SERVICES = ("json", "jsons", "slack", "workflows", "mailto")


def test_each_service_gets_a_message_once_as_plain_text(
    receive: Callable[[str], Receiver], sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers = {service: receive(service) for service in SERVICES}
    name("\n".join(one.url for one in receivers.values()), sensor, monkeypatch)
    sensor.says = f"1 row violates this invariant. For example name {FOREIGN}"
    run_id = sensor.found({(BALANCES, "1"): False})
    assert sensor.tick() == "1 new messages, 0 undelivered."
    assert sensor.tick() == "0 new messages, 0 undelivered."
    for service, receiver in receivers.items():
        ((title, text),) = receiver.received()
        assert title == "meter-assets: 1 check newly failing"
        lines = [line for line in text.replace("\\_", "_").splitlines() if line.strip()]
        assert len(lines) == 3, service
        assert lines[0].startswith("Newly failing:")
        assert f"tenant 1, {BALANCES}" in lines[1]
        assert run_id in lines[2].replace("\\", "")
        for found in ("://", "](", "![", "www.", "@e", "@h", "@U", "][", "\x1b", "\u202e"):
            assert found not in text, (service, found)
        if service == "slack":
            assert "&lt;!channel&gt;" in text
            assert "<" not in text


BROKEN: dict[str, int | None] = {"answers 500": 500, "redirects": 302, "hangs": None, "trickles": TRICKLE}


def test_receivers_that_fail_delay_no_other_and_get_each_message_later(
    receive: Callable[[str], Receiver], sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SECONDS_TO_WAIT", 0.3)
    works, broken = receive("json"), [receive("json") for _ in BROKEN]
    monkeypatch.setenv(URLS_VARIABLE, "\n".join(one.url for one in (*broken, works)))
    for one, answer in zip(broken, BROKEN.values(), strict=True):
        assert isinstance(one.server, Chat)
        one.server.answer = answer
    started = time.monotonic()
    for number, tenant in enumerate("12", start=1):
        sensor.found({(BALANCES, tenant): False})
        said = sensor.tick()
        assert said.startswith(f"1 new messages, {number} undelivered. ")
        assert [int(one) for one in re.findall(r"entry (\d)", said)] == [1, 2, 3, 4]
        assert len(works.received()) == number
    assert time.monotonic() - started < SECONDS / 2

    for one in broken:
        assert isinstance(one.server, Chat)
        one.server.answer = 200
    monkeypatch.setattr(delivery, "SECONDS_TO_WAIT", SECONDS)
    monkeypatch.setenv(URLS_VARIABLE, "\n".join(one.url for one in (works, *reversed(broken))))  # in another order
    assert sensor.tick() == sensor.tick() == "0 new messages, 0 undelivered."
    for one in (works, *broken):
        assert ["tenant 1" in text for _, text in one.received()] == [True, False]


def test_all_receivers_are_served_at_the_same_time(
    receive: Callable[[str], Receiver], sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SECONDS_TO_ANSWER", SECONDS)
    receivers = [receive("json") for _ in range(3)]
    name(" ".join(one.url for one in receivers), sensor, monkeypatch)
    hooks = [one.server for one in receivers if isinstance(one.server, Chat)]
    for hook in hooks:
        hook.answer = None
    sensor.found({(BALANCES, "1"): False})
    with ThreadPoolExecutor(1) as thread:
        tick = thread.submit(sensor.tick)
        until(lambda: all(hook.paths for hook in hooks), "all receivers are asked", SECONDS / 2, every=0.02)
        for hook in hooks:
            hook._closing.set()
        assert tick.result().count("did not take it") == 3


def test_a_message_overtakes_only_one_whose_content_was_refused(
    receive: Callable[[str], Receiver], sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive("json")
    assert isinstance(receiver.server, Chat)
    name(f"{receiver.url}?optional=yes", sensor, monkeypatch)  # Apprise would count its failures as successes
    for status, undelivered in {503: 2, 429: 2, 404: 2, 413: 1}.items():
        runs = [sensor.found({(BALANCES, f"{tenant}-{status}"): False}) for tenant in "12"]
        receiver.server.refuse_next, receiver.server.refuse_with, receiver.server.received = 1, status, []
        answered = f"entry 1 of {URLS_VARIABLE} (JSON) answered with status {status}."
        assert sensor.tick() == f"2 new messages, {undelivered} undelivered. {answered}"
        assert sensor.tick() == "0 new messages, 0 undelivered."
        assert [run in text for run, (_, text) in zip(runs, receiver.received(), strict=True)] == [undelivered == 2] * 2


@pytest.mark.parametrize("mode", ["starttls", "ssl"])
def test_mail_needs_tls_and_a_certificate_that_is_trusted(
    mode: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message(run_id="r", recovered=[News(tenant="1", check=BALANCES, severity="ERROR", says="It holds.")])
    port = free_port()
    (channel,) = channels({URLS_VARIABLE: f"mailtos://watch:{PASSWORD}@127.0.0.1:{port}?{ADDRESSES}&mode={mode}&cto=1"})
    with closing(Mailbox(port, PASSWORD)) as without_tls, pytest.raises(delivery.NotDelivered):
        channel.deliver(message)
    secured: dict[str, Any] = {"tls_context" if mode == "starttls" else "ssl_context": tls(certificate)}
    with closing(Mailbox(port, PASSWORD, **secured)) as mailbox:
        with pytest.raises(delivery.NotDelivered):
            channel.deliver(message)
        assert without_tls.passwords == mailbox.passwords == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        channel.deliver(message)
        assert mailbox.passwords == [PASSWORD]
        assert [mail["Subject"] for mail in mailbox.received] == ["meter-assets: 1 check recovered"]


def test_a_web_server_whose_certificate_is_not_trusted_gets_nothing(
    receive: Callable[[str], Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive("jsons")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    (channel,) = channels({URLS_VARIABLE: receiver.url})
    with pytest.raises(delivery.NotDelivered):
        channel.deliver(Message(run_id="r", recovered_count=1))
    assert isinstance(receiver.server, Chat)
    assert receiver.server.paths == []


def test_a_message_is_cut_to_what_a_service_takes(receive: Callable[[str], Receiver]) -> None:
    news = [News(tenant=str(number), check=BALANCES, severity="ERROR", says="x" * 800) for number in range(20)]
    receiver = receive("workflows")
    (channel,) = channels({URLS_VARIABLE: receiver.url})
    channel.deliver(Message(run_id="r", newly_failing=news))
    ((title, text),) = receiver.received()
    assert title == "meter-assets: 20 checks newly failing"
    assert 500 < len(text) <= 1000


def test_no_secret_of_a_url_is_said_or_kept_or_logged(
    receive: Callable[[str], Receiver],
    sensor: Sensor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Delivered or not, valid or not, and with everything logged."""
    caplog.set_level(logging.NOTSET + 1)
    receivers = [receive(service) for service in ("json", "slack", "workflows", "mailto")]
    valid = " ".join(one.url for one in receivers)
    kept: list[str] = []

    def tick(urls: str) -> None:
        monkeypatch.setenv(URLS_VARIABLE, urls)
        sensor.found({(BALANCES, str(len(kept))): False})
        sensor.tick()
        kept.append(str(sensor.cursor))

    name(valid, sensor, monkeypatch)
    tick(valid)
    assert all(one.received() for one in receivers)
    for one in receivers:
        if isinstance(one.server, Chat):
            one.server.answer = 500
            one.server.header = "no header\r\nX"
        else:
            one.server.answer = "554 no"
    tick(valid)
    tick(
        f"{valid} json://watch:{PASSWORD}@127.0.0.1:{free_port()}{PATH} mailtos://watch:h%C3%A9sesame@127..1?{ADDRESSES}"
    )
    for url, _ in INVALID.values():
        monkeypatch.setenv(URLS_VARIABLE, url)
        sensor.tick()
    captured = capfd.readouterr()
    everything = "\n".join([*sensor.said, *kept, caplog.text, captured.out, captured.err])
    assert "(Slack) answered with status 500" in everything
    assert "(E-Mail) did not take it" in everything
    assert "sesame" not in everything.lower()
    assert "sesame" not in repr(channels({URLS_VARIABLE: valid}))


INVALID = {
    "empty": (" \n", "is set but empty"),
    "no URL": ("sesame", "is not a URL that Apprise can use. Expected URLs such as slack://"),
    "an unknown service": ("sesame://sesame/", "is not a URL that Apprise can use"),
    "a retired service": ("msteams://sesame/a/b/c", "workflows://host/id/signature (Microsoft Teams)"),
    "a file": ("file:///etc/sesame", "is not a URL that Apprise can use"),
    "no host": ("json://", "is not a URL that Apprise can use"),
    "no brackets": ("json://[::sesame", "is not a URL that Apprise can use"),
    "no port": ("json://host:sesame/", "is not a URL that Apprise can use"),
    "no token": ("slack://sesame", "is not a URL that Apprise can use"),
    "a wrong token": ("slack://sesame/!!!/sesame", "is not a URL that Apprise can use"),
    "no verification": ("jsons://host/sesame?verify=no", "must not have verify=no or redirect=yes"),
    "redirects": ("jsons://host/sesame?redirect=yes", "must not have verify=no or redirect=yes"),
    "two channels": ("slack://T0sesame/B0/C0/#a/#b", "names several receivers"),
    "two addresses": (f"mailtos://u:sesame@host.org?{ADDRESSES},night@example.org", "names several receivers"),
    "a copy": (f"mailtos://u:sesame@host.org?{ADDRESSES}&bcc=night@example.org", "names several receivers"),
    "no address": ("mailtos://u:sesame@host.org?from=a@b.org&to=nobody", "does not name an address"),
    "mail without TLS": (f"mailto://u:sesame@host.org?{ADDRESSES}", "sends mail without TLS. Use mailtos://"),
}


@pytest.mark.parametrize("wrong", INVALID)
def test_an_entry_that_is_invalid_is_told_by_its_number(wrong: str) -> None:
    url, problem = INVALID[wrong]
    with pytest.raises(InvalidSettings) as error:
        channels({URLS_VARIABLE: f"json://host/ {url}" if url.strip() else url})
    assert re.match(rf"Entry 2 of {URLS_VARIABLE} " if url.strip() else URLS_VARIABLE, str(error.value))
    assert problem in str(error.value)
    assert not re.search("\n|sesame", str(error.value))


def test_without_apprise_a_sentence_says_how_to_install_it(
    receive: Callable[[str], Receiver], sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive("json")
    name(receiver.url, sensor, monkeypatch)
    sensor.found({(BALANCES, "1"): False})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "apprise", None)
        build_definitions()
        assert re.search(r"pip install meter-assets\[alerts\]$", sensor.tick())
        assert len(channels({WEBHOOK_VARIABLE: "https://example.org/"})) == 1
    assert sensor.tick() == "1 new messages, 0 undelivered."
    assert len(receiver.received()) == 1
