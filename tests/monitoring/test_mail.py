"""Mail servers with TLS, on the loopback: one whose certificate nobody vouches for is not told the password."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meter_assets.monitoring.alerts.mail import MailServer
from tests.support.processes import free_port
from tests.support.receivers import PASSWORD, SECONDS, Mailbox

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of the local server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meter-assets' tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    of_key = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(pem) + of_key)
    return file


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
