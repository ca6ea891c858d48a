"""Certificates that sign themselves, for servers that tests start. Nothing here knows pytest, or what is tested."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK = "127.0.0.1"
_ONE_HOUR = timedelta(hours=1)


def make_certificate(folder: Path, *hosts: str) -> Path:
    """Make a key and a certificate for these hosts, and return the one file that has both, in PEM.

    A host is a name, or an address such as `LOOPBACK`.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "meter-assets' tests")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _ONE_HOUR)
        .not_valid_after(now + _ONE_HOUR)
        .add_extension(x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "certificate.pem"
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return file


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
