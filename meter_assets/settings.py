"""Reads the settings from the environment and the configuration file. No other module reads them.

Add a function here for each new setting. A variable that configures a part of Dagster belongs in the module of that
part in `runtime`, which reads it with `variable` and interprets its text.
"""

import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from meter_assets.billing.mapping import DEFAULT_NAMES, DatabaseMapping, mapping_from_values
from meter_assets.billing.policy import Policy
from meter_assets.errors import InvalidSettings

if TYPE_CHECKING:
    from meter_assets.migration.database import BillingDatabase

DATABASE_URL_VARIABLE = "METER_ASSETS_DATABASE_URL"
CONFIG_VARIABLE = "METER_ASSETS_CONFIG"
TABLES = ("policy", "watching", "launchpad", "plan", "tables")
MOST_DAYS = 36_500
"""The maximum of keep_days: a date that many days ago must still be valid."""
HOME = Path(".meter_assets")
"""The folder, below the current folder, of the demo database and Dagster's storage."""


def variable(name: str) -> str | None:
    """Return the value of an environment variable, or None if it is not set."""
    return os.environ.get(name)


def config_file() -> str | None:
    """Return the path of the configuration file that the environment names, or None if it names none."""
    return variable(CONFIG_VARIABLE)


def demo_database_path() -> Path:
    """Return the path of the demo database, below the current folder."""
    return (HOME / "demo.db").resolve()


def database_url() -> str:
    """Return the billing database's URL from the environment, or by default that of the demo database.

    Raises InvalidSettings if the variable is set but empty.
    """
    url = variable(DATABASE_URL_VARIABLE)
    if url is None:
        return f"sqlite:///{demo_database_path()}"
    if not url.strip():
        raise InvalidSettings(
            f"{DATABASE_URL_VARIABLE} is set but empty. Name the billing database, for example "
            "postgresql://user@host/billing, or unset the variable to use the demo database."
        )
    return url.strip()


def variables(names: Iterable[str]) -> dict[str, str]:
    """Return the values of those of these variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


@contextmanager
def replaced(values: Mapping[str, str | None]) -> Iterator[None]:
    """Let all code of this process read these variables instead of those of the environment; None unsets one."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def billing_database(url: str | None = None) -> "BillingDatabase":
    """Return the billing database with this URL, or by default the one that the environment names.

    Raises InvalidSettings for a URL that cannot be used, InvalidMapping for a mapping that cannot.
    """
    from meter_assets.migration.database import BillingDatabase  # slow: it imports drivers, which --help does not need

    return BillingDatabase(url or database_url(), demo=demo_database_path(), mapping=mapping())


class Watching(BaseModel):
    """When the migrated tenants are watched: the table [watching] of the configuration file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    enabled: bool = Field(default=True, description="Whether the schedules run. They can also be stopped in the UI.")
    cron: str = Field(default="0 * * * *", description="When tenants that have changed are evaluated.")
    full_cron: str = Field(default="30 2 * * *", description="When every migrated tenant is evaluated.")
    timezone: str = Field(default="UTC", description="The time zone of all schedules, such as Europe/Prague.")
    keep_days: int = Field(
        default=90, ge=1, le=MOST_DAYS, description="For how many days the runs of watch_migrated_tenants are kept."
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password or "password" in parse_qs(parts.query):
        raise ValueError
    return url


def _absolute(folder: str) -> str:
    if not Path(folder).is_absolute():
        raise ValueError
    return folder


class Launchpad(BaseModel):
    """Which places a run config may name: the table [launchpad] of the configuration file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    databases: list[Annotated[str, AfterValidator(_without_password)]] = Field(
        default=[],
        description="The billing databases that a run config may name, in addition to that of the environment.",
    )
    export_dirs: list[Annotated[str, AfterValidator(_absolute)]] = Field(
        default=[], description="The folders below which a run config may export."
    )


class Plan(BaseModel):
    """Which plans a live run needs: the table [plan] of the configuration file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    require_approval: bool = Field(
        default=False,
        description="Whether a live run of the migration or of a step of it must follow a plan that somebody else than "
        "the user who runs it has approved.",
    )
    allowed_signers: str = Field(
        default="",
        description="A file of allowed signers (see ssh-keygen): if it is set, the approval must have a valid "
        "signature of one of them.",
    )


def policy() -> Policy:
    """Return the policy from the table `policy` of the file that METER_ASSETS_CONFIG names, or the default.

    Raises InvalidSettings for a file that cannot be read or has other tables, UnknownPolicy for an invalid policy.
    """
    return Policy.from_values(policy_values())


def policy_values() -> dict[str, Any]:
    """Return the values of the table `policy` as the file has them. Raises InvalidSettings as `policy`."""
    return _table("policy")


def mapping() -> DatabaseMapping:
    """Return how the database names its tables, from the tables [tables.NAME] of the configuration file.

    Raises InvalidSettings for a file that cannot be read or has other tables, InvalidMapping for an invalid mapping.
    """
    values = _table("tables")
    path = config_file()
    return (
        mapping_from_values(values, path, Path(path).read_text(encoding="utf-8")) if path and values else DEFAULT_NAMES
    )


def watching() -> Watching:
    """Return when tenants are watched, from the table `watching` of the file that METER_ASSETS_CONFIG names.

    Raises InvalidSettings for a file that cannot be read, and for an invalid value.
    """
    values = _table("watching")
    try:
        return Watching(**values)
    except ValidationError as error:
        names = ", ".join(str(one["loc"][0]) for one in error.errors())
        fields = ", ".join(Watching.model_fields)
        raise InvalidSettings(
            f"The table [watching] of {config_file()} cannot be used: {names}. It may have {fields}; "
            "enabled is true or false, keep_days a whole number from 1 to 36500, the others are strings."
        ) from None


def launchpad() -> Launchpad:
    """Return which places a run config may name, from the table `launchpad` of the file that METER_ASSETS_CONFIG names.

    Raises InvalidSettings for a file that cannot be read, and for an invalid value. The value is not repeated, because
    it may contain a password.
    """
    values = _table("launchpad")
    try:
        return Launchpad(**values)
    except ValidationError as error:
        names = ", ".join(dict.fromkeys(str(one["loc"][0]) for one in error.errors()))
        raise InvalidSettings(
            f"The table [launchpad] of {config_file()} cannot be used: {names}. It may have "
            "databases, a list of URLs without passwords, and export_dirs, a list of absolute paths."
        ) from None


def plan() -> Plan:
    """Return which plans a live run needs, from the table `plan` of the file that METER_ASSETS_CONFIG names.

    Raises InvalidSettings for a file that cannot be read, and for an invalid value.
    """
    try:
        found = Plan(**_table("plan"))
        problems = [] if not found.allowed_signers or Path(found.allowed_signers).is_absolute() else ["allowed_signers"]
    except ValidationError as error:
        problems = list(dict.fromkeys(str(one["loc"][0]) for one in error.errors()))
    if problems:
        raise InvalidSettings(
            f"The table [plan] of {config_file()} cannot be used: {', '.join(problems)}. It may have require_approval, "
            "which is true or false, and allowed_signers, the absolute path of a file."
        )
    return found


def _table(name: str) -> dict[str, Any]:
    """Return one table of the configuration file; an empty one if there is no file or no such table."""
    path = config_file()
    if path is None:
        return {}
    if not path.strip():
        raise InvalidSettings(f"{CONFIG_VARIABLE} is set but empty. Name a TOML file, or unset the variable.")
    content = _read_toml(Path(path))
    others = sorted(set(content) - set(TABLES))
    if others:
        tables = ", ".join(f"[{one}]" for one in TABLES)
        raise InvalidSettings(f"{path} has the unknown keys {', '.join(others)}; it may have the tables {tables}.")
    values = content.get(name, {})
    if not isinstance(values, dict):
        raise InvalidSettings(f"{path} has a value named {name}; expected a table, [{name}].")
    return values


def command(name: str) -> str:
    """Return how to call a command that is installed beside this Python: by its name if the shell finds it."""
    beside = Path(sys.executable).with_name(name)
    if shutil.which(name) or not beside.exists():
        return name
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except OSError as error:
        raise InvalidSettings(f"{CONFIG_VARIABLE} names {path}, which cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{CONFIG_VARIABLE} names {path}, which is not TOML: {error}.") from None
