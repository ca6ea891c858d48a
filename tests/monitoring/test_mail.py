"""Mail servers with TLS, on the loopback: one whose certificate nobody vouches for is not told the password."""

import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from meter_assets.monitoring.alerts.mail import MailServer
from tests.support.processes import free_port
from tests.support.receivers import PASSWORD, SECONDS, Mailbox

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of the local server


@pytest.fixture(params=["smtp", "smtps"])
def server(request: pytest.FixtureRequest, certificate: Path) -> Iterator[tuple[MailServer, Mailbox]]:
    """A mail server that speaks TLS, later or from the start."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    port = free_port()
    how: dict[str, Any] = {"tls_context" if request.param == "smtp" else "ssl_context": context}
    mailbox = Mailbox(port, **how)
    yield MailServer.from_url(f"{request.param}://watch:{PASSWORD}@127.0.0.1:{port}"), mailbox
    mailbox.close()


def send(server: MailServer) -> None:
    mail = EmailMessage()
    mail["Subject"] = "TLS"
    server.send(mail, "meters@example.org", "billing@example.org", SECONDS)


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_gets_no_password(server: tuple[MailServer, Mailbox]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        send(server[0])
    assert server[1].passwords == server[1].received == []


@pytest.mark.slow
def test_one_that_is_trusted_gets_the_mail(
    server: tuple[MailServer, Mailbox], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(server[0])
    assert server[1].passwords == [PASSWORD]
    assert [mail["Subject"] for mail in server[1].received] == ["TLS"]


@pytest.mark.parametrize(
    ("option", "starttls"),
    [
        ("", True),
        ("?starttls=true", True),
        ("?starttls=True", True),
        ("?starttls=false", False),
        ("?starttls=FALSE", False),
    ],
)
def test_tls_is_begun_unless_it_is_turned_off(option: str, starttls: bool) -> None:
    assert MailServer.from_url(f"smtp://host{option}").starttls is starttls
