"""The options that the URL of a MySQL or MariaDB database may have, and what the driver gets of them.

PyMySQL takes more options, and takes each as text: there, `ssl_disabled=false` switches encryption off, and
`autocommit=true` commits each statement, so that nothing can be rolled back. Add an option to the group of its values.
"""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from sqlalchemy import URL

from meter_assets.engines.urls import InvalidUrl

_TEXTS = {"bind_address", "program_name", "read_default_file", "read_default_group", "unix_socket"}
_NUMBERS = {"connect_timeout", "max_allowed_packet", "read_timeout", "write_timeout"}
_SET_BY_US = {"charset", "collation", "sql_mode", "use_unicode"}
"""What every session of ours sets for itself."""
_TLS_TEXTS = {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key", "ssl_key_password"}
_TLS_SWITCHES = {"ssl_check_hostname", "ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"}
_IN_THE_DRIVER = {"ssl_key_password": "password"}
"""What is called otherwise there than without `ssl_`."""
_EXPECTED = "the options that docs/mysql.md lists"
_SWITCHES = {"1": True, "on": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "off": False}


def check(url: URL) -> None:
    """Raise InvalidUrl for an option that cannot be used, and for one whose value is none that it can have."""
    allowed = _TEXTS | _NUMBERS | _SET_BY_US | _TLS_TEXTS | _TLS_SWITCHES
    for name, value in url.query.items():
        if name not in allowed:
            raise _refused(name)
        if not isinstance(value, str):
            raise InvalidUrl(f"it has the option {name} twice", _EXPECTED)
        if name in _NUMBERS and not (value.isascii() and value.isdigit() and int(value)):
            raise InvalidUrl(f"its option {name} is not a number above 0", _EXPECTED)
        if name in _TLS_SWITCHES and value.lower() not in _SWITCHES:
            raise InvalidUrl(f"its option {name} is neither true nor false", _EXPECTED)
    if _switched(url.query).get("ssl_verify_identity") and not {"ssl_ca", "ssl_capath"} & set(url.query):
        raise InvalidUrl(
            "its option ssl_verify_identity needs ssl_ca, without which the driver verifies no identity", _EXPECTED
        )


def for_driver(url: URL) -> dict[str, Any]:
    """Return the arguments of the driver that a URL's options stand for.

    With a certificate authority, the server's certificate and its host are verified, unless an option says otherwise.
    """
    given = {name: str(value) for name, value in url.query.items()}
    found: dict[str, Any] = {name: value for name, value in given.items() if name in _TEXTS}
    found |= {name: int(value) for name, value in given.items() if name in _NUMBERS}
    if _switched(given).get("ssl_disabled"):
        return {**found, "ssl_disabled": True}
    tls = _tls(given)
    return {**found, "ssl": tls} if tls else found


def _refused(name: str) -> InvalidUrl:
    """Return the error for an option. One that the driver does not know may be part of a password, and is not named."""
    from pymysql.connections import Connection as DriverConnection

    if name in signature(DriverConnection.__init__).parameters:
        return InvalidUrl(f"its option {name} would change what our statements mean, or does not work", _EXPECTED)
    return InvalidUrl("it has an option that PyMySQL does not know")


def _switched(given: Mapping[str, Any]) -> dict[str, bool]:
    return {name: _SWITCHES[value.lower()] for name, value in given.items() if name in _TLS_SWITCHES}


def _tls(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(_TLS_TEXTS & set(given)):
        found[_IN_THE_DRIVER.get(name, name.removeprefix("ssl_"))] = given[name]
    switched = _switched(given)
    identity, certificate = switched.get("ssl_verify_identity"), switched.get("ssl_verify_cert")
    if identity or certificate:
        found["verify_mode"] = True
    elif certificate is False and found:
        found["verify_mode"] = False
    if found and False in (found.get("verify_mode"), identity, switched.get("ssl_check_hostname")):
        found["check_hostname"] = False
    return found
