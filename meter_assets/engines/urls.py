"""Checks of database URLs, and the form in which a URL may be shown without its password.

A password that is not percent-encoded ends at the first character with a meaning in URLs, and the rest of it is parsed
as the host, the database or an option. It would be shown as such, and drivers would repeat it in their messages. So
such a URL is refused and never repeated. Add here what is true for the URLs of every engine.
"""

import re
from urllib.parse import parse_qsl, quote_plus, urlsplit

from sqlalchemy import URL

SHOWN_OPTIONS = frozenset(
    {
        "application_name",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "hostaddr",
        "port",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)
_OF_THE_PLACE = frozenset({"dbname", "host", "hostaddr", "port", "unix_socket"})
_MASK = "***"
_OPTIONS_OF_ANY_TEXT = frozenset({"options", "password", "ssl_key_password", "sslpassword"})
_HOST = re.compile(r"[\w.,-]*|[0-9A-Fa-f:.]+(%[\w.-]+)?")  # names, or an IPv6 address
_DATABASE = re.compile(r"/*[^/@&=?:;]*")
_HOST_AND_PORT = re.compile(r"(?P<name>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_OF_A_SERVER = (
    "scheme://user:password@host:port/database, with every character of the password percent-encoded unless it is a "
    "letter or a digit: %40 for @, %2F for /, %23 for #"
)


class InvalidUrl(ValueError):
    """A URL is invalid, or a part of its password may be in another part. The message does not repeat the URL."""

    def __init__(self, what: str, expected: str = _OF_A_SERVER) -> None:
        """Take what is wrong, as a clause, and what is expected instead."""
        super().__init__(f"{what}. Expected {expected}")


def check(given: str) -> None:
    """Raise InvalidUrl if a part of a password may be in another part of the URL."""
    try:
        parts = urlsplit(given)
        _ = parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:  # its words repeat what is wrong
        raise InvalidUrl("it cannot be read as a URL") from None
    is_odd = {
        "it has a # or an invisible character": bool(re.search(r"[^\S ]|#", given)),
        "it has more than one @": "@" in parts.netloc.rpartition("@")[0],
        "its host is invalid": not _HOST.fullmatch(parts.hostname or ""),
        "its database has an invalid character": not _DATABASE.fullmatch(parts.path),
        "an option has an invalid character": any(
            re.search("[@&=;?]", value) for name, value in options if name not in _OPTIONS_OF_ANY_TEXT
        ),
    }
    for what, found in is_odd.items():
        if found:
            raise InvalidUrl(what)


def with_hosts_as_options(given: str) -> str:
    """Return a URL with several hosts in a form that SQLAlchemy reads: host1:1,host2:2 as ?host=host1,host2&port=1,2.

    Any other URL is returned unchanged. Raises InvalidUrl if the URL names hosts in both forms.
    """
    scheme, separator, rest = given.partition("://")
    end = next((at for at, character in enumerate(rest) if character in "/?#"), len(rest))
    user, at, named = rest[:end].rpartition("@")
    hosts = [_HOST_AND_PORT.fullmatch(host) for host in named.split(",")]
    ports = [host["port"] or "" for host in hosts if host]
    # Without a user, the text after the first colon may be a password that begins with a number and a comma.
    if len(hosts) < 2 or len(ports) < len(hosts) or (not at and any(ports) and not all(ports)):
        return given
    path, _, query = rest[end:].partition("?")
    if re.search("(^|&)(host|hostaddr|port)=", query):
        raise InvalidUrl("it names hosts twice")
    options = ["host=" + ",".join(host["name"].strip("[]") for host in hosts if host)]
    options += ["port=" + ",".join(ports)] if any(ports) else []
    return f"{scheme}{separator}{user}{at}{path}?{'&'.join([*options, *([query] if query else [])])}"


def parts(url: URL) -> dict[str, str]:
    """Return the parts of a URL under the names of connection options, without the password."""
    named = {"host": url.host, "port": url.port and str(url.port), "user": url.username, "dbname": url.database}
    options = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    return {name: value for name, value in {**named, **options}.items() if value and name != "password"}


def shown(url: URL) -> str:
    """Return a URL in the form that may be shown: without its password and without options that may be secret."""
    options = {name: value if name in SHOWN_OPTIONS else _MASK for name, value in url.query.items()}
    plain = url.set(drivername=url.get_backend_name(), query=options)
    return plain.render_as_string(hide_password=True).replace(quote_plus(_MASK), _MASK).replace("%2C", ",")


def place(url: URL) -> str:
    """Return where the database of a URL is, whichever role and options it is used with."""
    options = {name: value for name, value in url.query.items() if name in _OF_THE_PLACE}
    plain = url.set(drivername=url.get_backend_name(), query=options)
    return plain._replace(username=None, password=None).render_as_string(hide_password=True)
