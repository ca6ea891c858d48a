"""Checks that a Dagster instance is one of meter-assets, and writes the file that makes it one.

An instance that is not configured for meter-assets has no limit of one run per tenant, and stores its runs in files
although the environment names a database. Commands check the instance when they open it (`instance`); here are the
checks of code servers and of runs, and the command `init`. Add here what makes an instance ours.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from dagster import DagsterInstance, deserialize_value

# The type in which Dagster's processes pass the instance to each other: no public API as of 1.13.
from dagster._core.instance.ref import InstanceRef

from meter_assets import settings
from meter_assets.private_files import make_file, make_folder
from meter_assets.runtime.instance import (
    CONFIG_FILE,
    DAGSTER_HOME_VARIABLE,
    TEMPORARY_PREFIX,
    ForeignInstance,
    UnusableInstance,
    instance_ref,
    is_own,
    shipped_config,
    write_config,
)


def require_own_code_server() -> None:
    """Raise ForeignInstance if this process is a code server for an instance that is not one of meter-assets.

    Dagster's web server and daemon pass their instance to the code servers that they start, as an option of the
    command. A process that loads the definitions without an instance is not refused: its runs are checked.
    """
    command = click.get_current_context(silent=True)
    given = command.params.get("instance_ref") if command else None
    if isinstance(given, str):
        _require_own(deserialize_value(given, InstanceRef))


def require_own_instance(instance: DagsterInstance) -> None:
    """Raise ForeignInstance if a run is recorded in an instance that is not one of meter-assets.

    An instance in memory, as tests use it, is accepted.
    """
    if not instance.is_ephemeral:
        _require_own(instance.get_ref())


def _require_own(ref: InstanceRef) -> None:
    if not is_own(ref):
        folder = Path(ref.local_artifact_storage.base_dir)
        raise ForeignInstance(None if folder.name.startswith(TEMPORARY_PREFIX) else folder)


@dataclass(frozen=True)
class Initialized:
    """The file of an instance: whether it was written now, and where the file is that it replaced."""

    path: Path
    is_new: bool
    replaced: Path | None = None


def initialize(folder: Path | None, *, force: bool) -> Initialized:
    """Write our dagster.yaml into a folder: by default DAGSTER_HOME, or the current folder if that is not set.

    A file that already describes an instance of meter-assets stays. Any other file is replaced only with `force`, which
    replaces every file; a copy is kept beside it. Raises UnusableInstance.
    """
    path = _folder(folder) / CONFIG_FILE
    try:
        make_folder(path.parent)
        if not path.exists():
            write_config(path.parent)
            return Initialized(path, is_new=True)
        if path.read_bytes() == shipped_config().encode() or (not force and _is_own_file(path)):
            return Initialized(path, is_new=False)
        if not force:
            raise UnusableInstance(
                f"{path} exists, and does not describe an instance of meter-assets. Nothing was written. Add --force "
                "to replace it: a copy is kept beside it. Or add to the file what it lacks: instance_class, with the "
                "module meter_assets.runtime.instance and the class MeterAssetsInstance."
            )
        copy = _copied(path)
        write_config(path.parent)
        return Initialized(path, is_new=True, replaced=copy)
    except OSError as error:
        raise UnusableInstance(
            f"{path} cannot be written: {error.strerror}. Name another folder, or correct its permissions."
        ) from None


def _folder(given: Path | None) -> Path:
    home = settings.variable(DAGSTER_HOME_VARIABLE)  # empty means unset, as for Dagster
    return (given or Path(home or ".")).expanduser().absolute()


def _is_own_file(path: Path) -> bool:
    try:
        return is_own(instance_ref(path.parent, path.parent))
    except UnusableInstance:
        return False


def _copied(path: Path) -> Path:
    """Copy a file to a new private file beside it, and return that."""
    copy = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    make_file(copy)
    copy.write_bytes(path.read_bytes())
    return copy
