"""The limits of a run config: which databases and export folders it may name, and nothing of the environment.

Whoever may launch a run writes its run config in the launchpad, and its tags. The operator says in the table
[launchpad] of the configuration file where that may point. Add a function here for each new field of run config that
names a place outside Dagster. What the configuration file may say is in `settings`.

The command line is the operator's own word: the process that it runs in carries the permission (`allow_export`), which
no run config and no tag can claim.
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
    """Let runs of this process export to a folder: the one that the operator named on the command line."""
    resolved = {folder.resolve()} if folder else set()
    added = resolved - _exports_of_this_process
    _exports_of_this_process.update(added)
    try:
        yield
    finally:
        _exports_of_this_process.difference_update(added)


def export_folder(named: str | None) -> Path | None:
    """Return the folder of a run config's export_dir, without links in its path. Raises ForbiddenRunConfig.

    The path that was compared is the one to write to: another spelling of it might lead elsewhere.
    """
    if not named:
        return None
    folder = Path(named).resolve()
    allowed = [Path(one).resolve() for one in settings.launchpad().export_dirs]
    if folder in _exports_of_this_process or any(folder.is_relative_to(one) for one in allowed):
        return folder
    below = f"It may export below {', '.join(map(str, allowed))}" if allowed else "It may export nowhere"
    raise ForbiddenRunConfig(f"{quoted(named)} as export_dir", f"{below}; {_allowed_in('export_dirs')}")


def require_allowed(run_config: Mapping[str, Any], billing: str = "billing") -> None:
    """Raise ForbiddenRunConfig for a run config that names a database, or a variable, that it may not name.

    `billing` is the name of the billing database's resource.

    Dagster puts a variable's value in the place of {"env": its name}, and errors and reports would show it.
    """
    variable = next(_variables(run_config), None)
    if variable is not None:
        raise ForbiddenRunConfig(
            f"the environment variable {quoted(variable)}",
            "It may take no value from the environment: write the value itself, or leave it out",
        )
    told = (run_config.get("resources") or {}).get(billing) or {}
    url = (told.get("config") or {}).get("url")
    if url:
        _require_database(BillingDatabase(url))


def _require_database(named: BillingDatabase) -> None:
    """Raise ForbiddenRunConfig unless it is the environment's database or one that the configuration file names."""
    allowed = [BillingDatabase(settings.database_url()), *map(_configured, settings.launchpad().databases)]
    if named.identity not in [one.identity for one in allowed]:
        shown = ", ".join(one.url for one in allowed)
        raise ForbiddenRunConfig(
            f"the database {quoted(named.url)} as url of the resource billing",
            f"It may name {shown}, spelt with the same role and options, or none; {_allowed_in('databases')}",
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
        f"the operator allows others in {setting} of the table [launchpad] of the file that "
        f"{settings.CONFIG_VARIABLE} names"
    )


def _variables(config: Any) -> Iterator[str]:
    """Yield every environment variable whose value a run config asks for."""
    if isinstance(config, Mapping):
        if set(config) == {"env"} and isinstance(config["env"], str):
            yield config["env"]
        config = config.values()
    elif not isinstance(config, list | tuple):
        return
    for one in config:
        yield from _variables(one)
