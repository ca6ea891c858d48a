"""URLs with a password in them: which are taken, and what of one may be shown.

A password that is not percent-encoded ends at the first character that has a meaning in a URL, and the rest of it is
taken for the host, the database or an option. It would be shown as such, and drivers would repeat it in their reasons.
So a URL with such a part is refused, and never repeated.
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
_MASK = "***"
_OPTIONS_OF_ANY_TEXT = frozenset({"options", "password", "sslpassword"})
_HOST = re.compile(r"[\w.,-]*|[0-9A-Fa-f:.]+(%[\w.-]+)?")  # names, or an IPv6 address
_DATABASE = re.compile(r"/*[^/@&=?:;]*")


class InvalidUrl(ValueError):
    """A URL that is none, or part of whose password may be where it does not belong. The URL is not repeated."""

    def __init__(self, what: str) -> None:
        """Take what is odd, as a clause."""
        super().__init__(
            f"{what}. Expected scheme://user:password@host:port/database, with every character of the password "
            "percent-encoded that is no letter and no digit: %40 for @, %2F for /, %23 for #"
        )


def check(given: str) -> None:
    """Raise InvalidUrl where a part of a password may be in another part of the URL."""
    try:
        parts = urlsplit(given)
        _ = parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:  # its words repeat what is wrong
        raise InvalidUrl("it cannot be read as a URL") from None
    is_odd = {
        "it has a #, or a character that cannot be seen": bool(re.search(r"[^\S ]|#", given)),
        "it has more than one @": "@" in parts.netloc.rpartition("@")[0],
        "its host is none": not _HOST.fullmatch(parts.hostname or ""),
        "its database has a character that none has": not _DATABASE.fullmatch(parts.path),
        "an option has a character that none has": any(
            re.search("[@&=;?]", value) for name, value in options if name not in _OPTIONS_OF_ANY_TEXT
        ),
    }
    for what, found in is_odd.items():
        if found:
            raise InvalidUrl(what)


def parts(url: URL) -> dict[str, str]:
    """Return the parts of a URL by their names among the options of a connection, without the password."""
    named = {"host": url.host, "port": url.port and str(url.port), "user": url.username, "dbname": url.database}
    options = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    return {name: value for name, value in {**named, **options}.items() if value and name != "password"}


def shown(url: URL) -> str:
    """Return what a person may see of a URL: neither its password nor an option that may have a secret in it."""
    options = {name: value if name in SHOWN_OPTIONS else _MASK for name, value in url.query.items()}
    plain = url.set(drivername=url.get_backend_name(), query=options)
    return plain.render_as_string(hide_password=True).replace(quote_plus(_MASK), _MASK)
