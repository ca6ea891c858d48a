"""The limits of a run config: which databases and export folders it may name. It may read no environment variable.

Everybody who may launch a run can write its run config and its tags. The operator lists the allowed databases and
folders in the table [launchpad] of the configuration file. Add a function here for each new field of run config that
names a place outside Dagster. The fields of the configuration file are in `settings`.

The command line is used by the operator, so its own process has the permission to export (`allow_export`). No run
config and no tag can grant it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meter_assets import settings
from meter_assets.errors import ForbiddenRunConfig, InvalidSettings
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import BillingDatabase

_exports_of_this_process: set[Path] = set()


@contextmanager
def allow_export(folder: Path | None) -> Iterator[None]:
    """Let runs of this process export to, or read a plan in, the folder that the operator named on the command line."""
    resolved = {folder.resolve()} if folder else set()
    added = resolved - _exports_of_this_process
    _exports_of_this_process.update(added)
    try:
        yield
    finally:
        _exports_of_this_process.difference_update(added)


def export_folder(named: str | None) -> Path | None:
    """Return the folder of a run config's export_dir, with links in its path resolved. Raises ForbiddenRunConfig.

    Write to the returned path: only this path was compared with the allowed folders.
    """
    return _folder(named, "export_dir", "export")


def plan_folder(named: str | None) -> Path | None:
    """Return the folder of a run config's plan_dir, to which a dry run has exported; otherwise `export_folder`."""
    return _folder(named, "plan_dir", "read a plan")


def _folder(named: str | None, field: str, purpose: str) -> Path | None:
    if not named:
        return None
    folder = Path(named).resolve()
    allowed = [Path(one).resolve() for one in settings.launchpad().export_dirs]
    if folder in _exports_of_this_process or any(folder.is_relative_to(one) for one in allowed):
        return folder
    below = f"It may {purpose} below {', '.join(map(str, allowed))}" if allowed else f"It may {purpose} nowhere"
    raise ForbiddenRunConfig(f"{quoted(named)} as {field}", f"{below}; {_allowed_in('export_dirs')}")


def require_allowed(run_config: Mapping[str, Any], billing: str = "billing") -> None:
    """Raise ForbiddenRunConfig for a run config that names a forbidden database or any environment variable.

    `billing` is the name of the billing database's resource. Dagster replaces {"env": NAME} by the variable's value,
    which errors and reports would then show.
    """
    variable = next(_variables(run_config), None)
    if variable is not None:
        raise ForbiddenRunConfig(
            f"the environment variable {quoted(variable)}",
            "It may read no value from the environment: write the value itself, or omit it",
        )
    url = named_database(run_config, billing)
    if url:
        _require_database(BillingDatabase(url))


def named_database(run_config: Mapping[str, Any], billing: str = "billing") -> str | None:
    """Return the URL of the billing database that a run config names, or None: then it is the configured one."""
    resource = (run_config.get("resources") or {}).get(billing) or {}
    return (resource.get("config") or {}).get("url") or None


def _require_database(named: BillingDatabase) -> None:
    """Raise ForbiddenRunConfig unless the environment or the configuration file names this database."""
    allowed = [BillingDatabase(settings.database_url()), *map(_configured, settings.launchpad().databases)]
    if named.identity not in [one.identity for one in allowed]:
        shown = ", ".join(one.url for one in allowed)
        raise ForbiddenRunConfig(
            f"the database {quoted(named.url)} as url of the resource billing",
            f"It may name {shown}, written with the same role and options, or none; {_allowed_in('databases')}",
        )


def _configured(url: str) -> BillingDatabase:
    try:
        return BillingDatabase(url)
    except InvalidSettings:
        raise InvalidSettings(
            f"An entry of databases in the table [launchpad] of the file that {settings.CONFIG_VARIABLE} names is not "
            "the URL of a database."
        ) from None


def _allowed_in(setting: str) -> str:
    return (
        f"the operator can allow others in {setting} of the table [launchpad] of the file that "
        f"{settings.CONFIG_VARIABLE} names"
    )


def _variables(config: Any) -> Iterator[str]:
    """Yield every environment variable that a run config refers to."""
    if isinstance(config, Mapping):
        if set(config) == {"env"} and isinstance(config["env"], str):
            yield config["env"]
        config = config.values()
    elif not isinstance(config, list | tuple):
        return
    for one in config:
        yield from _variables(one)
