"""The Dagster instance that `meter-assets` and `dagster dev` share, and its storage.

`dagster.yaml` names `MeterAssetsInstance`. This class decides where everything is stored that the file does not place:
in one folder, or runs and events in PostgreSQL if METER_ASSETS_DAGSTER_POSTGRES_URL is set. The folder is DAGSTER_HOME,
otherwise `.meter_assets/dagster` below the current folder. The files that Dagster creates there have the permissions of
`private_files`: its processes get a umask, because Dagster's own code sets no permissions. Add here what configures the
instance; nothing here knows the billing database.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import yaml
from dagster import DagsterError, DagsterInstance, DagsterRun, EventLogEntry

# The required interface of a class in dagster.yaml: no public API as of 1.13 (dagster issues 26342 and 3288).
from dagster._config.config_schema import UserConfigSchema

# The limit of concurrent runs, for which dagster.yaml accepts no variable: no public API as of 1.13 (issue 18729).
from dagster._core.instance.config import ConcurrencyConfig

# An instance in one folder with the dagster.yaml of another folder, and with overrides. `DagsterInstance.from_config`
# accepts one folder and no overrides: no public API as of 1.13.
from dagster._core.instance.ref import InstanceRef

# The interface of a storage, and the configuration of Dagster's own: no public API as of 1.13 (dagster issue 3288).
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

# See UserConfigSchema.
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import DagsterPostgresException

# What Dagster raises for a file that is no mapping, or that names a missing class: no public API as of 1.13.
from dagster_shared.check import CheckError
from filelock import FileLock
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from meter_assets import settings
from meter_assets.engines import postgresql, urls
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown
from meter_assets.private_files import make_file, make_folder, umask_for, written
from meter_assets.runtime.run_config import require_valid_values
from meter_assets.runtime.sqlite_storage import PrivateSqliteStorage
from meter_assets.runtime.unexecuted import let_last_results_stand

POSTGRES_URL_VARIABLE = "METER_ASSETS_DAGSTER_POSTGRES_URL"
MAX_RUNS_VARIABLE = "METER_ASSETS_MAX_CONCURRENT_RUNS"
DAGSTER_HOME_VARIABLE = "DAGSTER_HOME"
CONFIG_FILE = "dagster.yaml"
FOLDER = settings.HOME / "dagster"
TEMPORARY_PREFIX = ".tmp_dagster_home_"
"""How the name of the folder begins that `dagster dev` removes when it ends. Dagster's own constant (dagster issue
20005) is in the module of its command line, which takes long to load.
"""
_QUIET: Mapping[str, Any] = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
_NO_CAPTURE: Mapping[str, Any] = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
_EXAMPLE = "postgresql://user@host/dagster"
_LONGEST_REASON = 300
_IF_NOT_OURS = (
    f"There, Dagster would ignore {POSTGRES_URL_VARIABLE} and {MAX_RUNS_VARIABLE}, not limit runs to one for each "
    "tenant, and not detect that a command line was killed. Nothing was started."
)


class UnusableInstance(InvalidSettings, click.ClickException):
    """The Dagster instance that the environment names cannot be opened.

    It is also a ClickException, so that `dagster dev` shows the sentence and no traceback.
    """

    exit_code = InvalidSettings.exit_status


class ForeignInstance(UnusableInstance):
    """The Dagster instance is not configured for meter-assets: it has no dagster.yaml, or that of another project."""

    def __init__(self, configured_in: Path | None) -> None:
        """Take the folder of its dagster.yaml; None for a temporary folder, which Dagster removes when it ends."""
        self.configured_in = configured_in
        if configured_in is None:
            super().__init__(
                f"Dagster would use a temporary instance, which is not one of meter-assets: {DAGSTER_HOME_VARIABLE} is "
                f"not set, and the current folder has no {CONFIG_FILE} of meter-assets. {_IF_NOT_OURS} Run "
                "'meter-assets init' in this folder and start again, or start 'meter-assets ui'."
            )
            return
        exists = (configured_in / CONFIG_FILE).exists()
        found = f"its {CONFIG_FILE} names neither" if exists else f"there is no {CONFIG_FILE}"
        force, keeps = (" --force", "keeps a copy of the present file, and ") if exists else ("", "")
        super().__init__(
            f"The Dagster instance in {configured_in} is not one of meter-assets: expected a {CONFIG_FILE} that names "
            f"an instance class ({MeterAssetsInstance.__name__}) or a storage, but {found}. {_IF_NOT_OURS} To use this "
            f"folder, run 'meter-assets init {configured_in}{force}': it {keeps}changes nothing else there. To leave "
            f"it to another project, set {DAGSTER_HOME_VARIABLE} to another folder."
        )


class MeterAssetsInstance(DagsterInstance):
    """The instance that dagster.yaml names: Dagster's own, with its data in a permanent folder.

    The folder is resolved once, here. Child processes receive it as part of the instance, so they use the same folder
    even if their current folder is another one.
    """

    def __init__(self, **given: Any) -> None:
        """Take Dagster's arguments, and set the umask so that this process creates private files from now on."""
        os.umask(umask_for(Path(given["local_artifact_storage"].base_dir)))
        super().__init__(**given)

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Return no fields: dagster.yaml configures nothing of this class itself."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Return the places of everything that dagster.yaml does not place."""
        _max_concurrent_runs()  # an invalid value is reported before anything is started
        folder = str(_permanent_folder(Path(base_dir)))
        storage = ConfigurableClassData(__name__, MeterAssetsStorage.__name__, json.dumps({"base_dir": folder}))
        return {**InstanceRef.config_defaults(folder), "storage": storage}

    def create_run(self, **given: Any) -> DagsterRun:
        """Create a run. Raises InvalidSettings or UnknownPolicy for a run config with values that cannot be used."""
        require_valid_values(given.get("run_config") or {})
        return super().create_run(**given)

    def handle_new_event(self, event: EventLogEntry, **options: Any) -> None:
        """Store an event. Before the end of a run is stored, what it has not executed keeps its last results."""
        try:
            let_last_results_stand(self, event)
        finally:  # an error there must not leave the run without its end
            super().handle_new_event(event, **options)

    def get_concurrency_config(self) -> ConcurrencyConfig:
        """Return the limits of dagster.yaml, with the limit that the environment sets in place of its own."""
        config, limit = super().get_concurrency_config(), _max_concurrent_runs()
        if limit is None or config.run_queue_config is None:
            return config
        queue = config.run_queue_config._replace(max_concurrent_runs=limit)
        return ConcurrencyConfig(pool_config=config.pool_config, run_queue_config=queue)


class MeterAssetsStorage(DagsterStorage, ConfigurableClass):
    """Stores runs, events and schedules in PostgreSQL if the environment names a database, else in SQLite files.

    This class is never instantiated: it returns one of Dagster's storages. The URL, with its password, stays in the
    environment and is not part of the configuration that processes pass to each other.
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return the configuration schema of Dagster's SQLite storage."""
        return DagsterSqliteStorage.config_type()

    @classmethod
    def from_config_value(  # type: ignore[override]  # Dagster's own storages also return another class than their own
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """Return the storage that the environment names, and set the umask for private files from now on."""
        os.umask(umask_for(Path(config_value["base_dir"])))
        url = settings.variable(POSTGRES_URL_VARIABLE)
        if url is None:
            return _sqlite_storage(Path(config_value["base_dir"]), inst_data)
        return _postgres_storage(url.strip(), inst_data)


@contextmanager
def open_instance(*, capture_output: bool = True) -> Iterator[DagsterInstance]:
    """Open the instance that `dagster dev` uses in the current folder, without its telemetry and first-use prompt.

    `capture_output` is whether Dagster stores what the steps of runs in this process print. It redirects the file
    descriptors of standard output and error for that, so a command that shows its progress must not capture.
    Raises UnusableInstance if DAGSTER_HOME or METER_ASSETS_DAGSTER_POSTGRES_URL cannot be used, and ForeignInstance for
    the instance of another project.
    """
    home = settings.variable(DAGSTER_HOME_VARIABLE)  # empty means unset, as for Dagster
    folder = _dagster_home(home) if home else FOLDER.absolute()
    configured_in = folder if home or not Path(CONFIG_FILE).exists() else Path.cwd()
    _create(folder)
    if configured_in == folder and not _has_own_configuration(folder, is_ours=not home):
        write_config(folder)
    ref = instance_ref(folder, configured_in, capture_output=capture_output)
    if not is_own(ref):
        raise ForeignInstance(configured_in)
    before = os.umask(umask_for(folder))  # also for an instance of another class, which sets no umask
    try:
        with _opened(ref, configured_in) as instance:
            yield instance
    finally:
        os.umask(before)


def instance_ref(folder: Path, configured_in: Path, *, capture_output: bool = True) -> InstanceRef:
    """Return the description of the instance in a folder. Raises UnusableInstance for an invalid dagster.yaml."""
    overrides = _QUIET if capture_output else {**_QUIET, **_NO_CAPTURE}
    try:
        return InstanceRef.from_dir(str(folder), config_dir=str(configured_in), overrides=overrides)
    except (yaml.YAMLError, UnicodeDecodeError, DagsterError, CheckError, OSError) as error:
        raise _invalid_config(configured_in, error) from None


def is_own(ref: InstanceRef) -> bool:
    """Return whether an instance has an instance class or a storage of its own, and is not just Dagster's default.

    Our instance files name MeterAssetsInstance. Dagster's Helm chart, and operators, configure a storage instead.
    """
    folder = ref.local_artifact_storage.base_dir
    return (
        ref.custom_instance_class_data is not None or ref.storage_data != InstanceRef.config_defaults(folder)["storage"]
    )


def _opened(ref: InstanceRef, configured_in: Path) -> DagsterInstance:
    try:
        return DagsterInstance.from_ref(ref)
    except (DagsterError, CheckError, SQLAlchemyError, DagsterPostgresException, ImportError) as error:
        raise _invalid_config(configured_in, error) from None


def _invalid_config(folder: Path, error: Exception) -> UnusableInstance:
    return UnusableInstance(
        f"{folder / CONFIG_FILE} cannot be used: {shown(' '.join(str(error).split()), _LONGEST_REASON).rstrip('.')}. "
        f"Correct the file, or replace it with that of meter-assets by 'meter-assets init {folder} --force', which "
        "keeps a copy."
    )


def shipped_config() -> str:
    """Return the text of the dagster.yaml that comes with this package."""
    return files("meter_assets").joinpath(CONFIG_FILE).read_text(encoding="utf-8")


def _permanent_folder(base_dir: Path) -> Path:
    """Return the folder, or our own folder beside it if `dagster dev` would remove this one when it ends."""
    temporary = base_dir.name.startswith(TEMPORARY_PREFIX)
    return (base_dir.parent / FOLDER if temporary else base_dir).absolute()


def _max_concurrent_runs() -> int | None:
    """Return the maximum number of concurrent runs that the environment sets, or None."""
    given = settings.variable(MAX_RUNS_VARIABLE)
    if given is None:
        return None
    if not (given.strip().isdecimal() and int(given) > 0):
        raise UnusableInstance(
            f"{MAX_RUNS_VARIABLE} is {given!r}, expected a whole number of at least 1: the maximum number of "
            f"concurrent runs. Unset it to use the value of {CONFIG_FILE}."
        )
    return int(given)


def _dagster_home(home: str) -> Path:
    folder = Path(home).expanduser()
    if not folder.is_absolute():
        raise UnusableInstance(
            f"{DAGSTER_HOME_VARIABLE} is {home}, which is not an absolute path. Dagster accepts only absolute paths; "
            f"set it to {folder.absolute()}, for example."
        )
    return folder


def _create(folder: Path) -> None:
    reason = None
    try:
        make_folder(folder)
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror
    else:
        if not os.access(folder, os.W_OK):
            reason = "it is not writable"
    if reason:
        raise UnusableInstance(
            f"Dagster's folder {folder} cannot be used: {reason}. Set {DAGSTER_HOME_VARIABLE} to a folder "
            "that exists or can be created, or unset it to use one below the current folder."
        )


def _has_own_configuration(folder: Path, *, is_ours: bool) -> bool:
    """Return whether to write no dagster.yaml: in a folder of others without this file, only `init` writes it."""
    return (folder / CONFIG_FILE).exists() or (not is_ours and any(folder.iterdir()))


def write_config(folder: Path) -> None:
    """Write our dagster.yaml into a folder; it replaces a file of that name. Raises OSError."""
    with written(folder.resolve(), CONFIG_FILE) as file:
        file.write(shipped_config())


def _sqlite_storage(folder: Path, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    """Return the storage in this folder. A lock ensures that one process at a time creates the tables."""
    lock = folder / "making-tables.lock"
    try:
        make_folder(folder)
        make_file(lock)
        with FileLock(lock):
            return PrivateSqliteStorage.from_local(str(folder), inst_data=inst_data)
    except OSError as error:
        raise UnusableInstance(
            f"Dagster's files in {folder} cannot be written: {error.strerror} ({error.filename}). Let their owner "
            f"share them with a group, or set {DAGSTER_HOME_VARIABLE} to a folder of your own."
        ) from None


def _postgres_storage(given: str, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    url = _postgres_url(given)
    try:
        return DagsterPostgresStorage(url.render_as_string(hide_password=False), inst_data=inst_data)
    except (DagsterPostgresException, SQLAlchemyError) as error:
        raise UnusableInstance(
            f"Dagster's database {urls.shown(url)} cannot be used: {_reason(error)}. Check that the server runs "
            f"and that {POSTGRES_URL_VARIABLE} names its host, port, user and database."
        ) from None


def _postgres_url(given: str) -> URL:
    if not given:
        raise UnusableInstance(
            f"{POSTGRES_URL_VARIABLE} is set but empty. Name the database for Dagster's runs, for example {_EXAMPLE}, "
            "or unset the variable to store them in files."
        )
    kind, separator, _ = given.partition("://")
    if not (separator and kind.replace("+", "").isalnum()):
        raise UnusableInstance(f"{POSTGRES_URL_VARIABLE} is not a URL. Expected a URL such as {_EXAMPLE}.")
    if kind not in ("postgresql", "postgresql+psycopg2"):
        raise UnusableInstance(
            f"{POSTGRES_URL_VARIABLE} starts with {kind}://, expected postgresql://, as in {_EXAMPLE}."
        )
    try:
        return postgresql.parse_url(given)
    except urls.InvalidUrl as invalid:
        raise UnusableInstance(f"{POSTGRES_URL_VARIABLE} cannot be used: {invalid}.") from None


def _reason(error: BaseException) -> str:
    """Return the driver's own message: the first line of the error that caused all others."""
    while error.__cause__:
        error = error.__cause__
    return str(error).strip().partition("\n")[0].rstrip(".")
