"""Starts Dagster's web server and `dagster dev` with the guard in front of them.

`meter-assets ui` and deployments start it: `python -m meter_assets.runtime.web_server` accepts the options of
`dagster-webserver`. Only this module changes Dagster's own commands, which offer no way to add a guard: no public API
as of 1.13 (dagster issue 2219 asks for authentication). Add here what concerns starting the server; the rules of the
guard are in `web_guard`.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import dagster_webserver.cli as webserver
from dagster import DagsterInstance

# `dagster dev`, to start the guarded server instead of Dagster's: no public API as of 1.13 (see above).
from dagster._cli import dev

# The test with which `dagster-webserver` itself decides to use another port: no public API as of 1.13.
from dagster._utils import is_port_in_use

# An argument of `dagster dev`: no public API as of 1.13.
from dagster_shared.cli import WorkspaceOpts

from meter_assets import settings
from meter_assets.errors import InvalidSettings
from meter_assets.runtime.code_location import MODULE as LOCATION_MODULE
from meter_assets.runtime.code_location import WORKSPACE_FILE
from meter_assets.runtime.evidence_pages import EvidencePages
from meter_assets.runtime.instance import CONFIG_FILE, DAGSTER_HOME_VARIABLE, FOLDER, open_instance
from meter_assets.runtime.ui_users import HEADER_VARIABLE, UiUsers
from meter_assets.runtime.web_guard import HOST, HOSTS_VARIABLE, WebGuard

MODULE = "meter_assets.runtime.web_server"
LOCAL_HOST = webserver.DEFAULT_WEBSERVER_HOST
_CREATE_APP = "create_app_from_workspace_process_context"
_START_PROCESS = "open_ipc_subprocess"
_OPEN_INSTANCE = "get_possibly_temporary_instance_for_cli"
_DAGSTERS_SERVER, _DAGSTERS_DAEMON = "dagster_webserver", "dagster._daemon"


class ChangedDagster(RuntimeError):
    """This version of Dagster starts its processes in a way that this module cannot guard."""

    def __init__(self, module: str) -> None:
        """Take the module that it starts."""
        super().__init__(
            f"This version of Dagster starts {module}, which meter-assets does not know and cannot guard. Install the "
            "version of Dagster that meter-assets requires."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run Dagster's command `dagster-webserver` with the guard around the application that it serves.

    Ends with an exit status for invalid hosts in the environment.
    """
    create_app = getattr(webserver, _CREATE_APP)

    def create_guarded_app(*given: Any, **options: Any) -> WebGuard:
        app = UiUsers(create_app(*given, **options), settings.variable(HEADER_VARIABLE))
        pages = EvidencePages(app)
        return WebGuard(pages, {_as_host(click.get_current_context().params["host"]), *named})

    try:
        named = allowed_hosts()
    except InvalidSettings as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)
    setattr(webserver, _CREATE_APP, create_guarded_app)
    webserver.cli.main(arguments, prog_name="dagster-webserver", auto_envvar_prefix="DAGSTER_WEBSERVER")


def serve(host: str, port: int | None, *, read_only: bool) -> None:
    """Serve the web page until Ctrl-C, for the instance and the definitions of the current folder.

    Runs a code server and the daemon, as `dagster dev` does. Read-only runs no daemon, since an instance can have only
    one. Raises InvalidSettings for an instance, a port or a host that cannot be used.
    """
    allowed_hosts()
    if port is not None and is_port_in_use(host, port):
        raise InvalidSettings(f"Port {port} of {host} is in use. Choose another port with --port.")
    _prepare_instance()
    has_workspace = Path(WORKSPACE_FILE).exists()
    if not read_only:
        _dev(host, port, WorkspaceOpts(module_name=None if has_workspace else (LOCATION_MODULE,)))
        return
    setattr(webserver, _OPEN_INSTANCE, _announced_instance)
    address = ["--host", host, *(["--port", str(port)] if port else [])]
    main(["--read-only", *address, *([] if has_workspace else ["--module-name", LOCATION_MODULE])])


def allowed_hosts() -> frozenset[str]:
    """Return the hosts that the environment allows. Raises InvalidSettings for an invalid host."""
    given = settings.variable(HOSTS_VARIABLE)
    if given is None:
        return frozenset()
    hosts = [one.strip().lower() for one in given.split(",")]
    if not all(re.fullmatch(HOST, one) for one in hosts):
        raise InvalidSettings(
            f"{HOSTS_VARIABLE} is {given!r}, expected hosts without scheme and port, separated by commas, such as "
            "meter-assets.example.com. Unset it if browsers reach the web page only by this machine's own address."
        )
    return frozenset(hosts)


def _as_host(address: str) -> str:
    """Return an address to listen on in the form that browsers use."""
    return f"[{address}]" if ":" in address else address.lower()


def _prepare_instance() -> None:
    """Create the instance if it does not exist, and let Dagster's commands use it.

    In a folder with a dagster.yaml, the commands find it themselves.
    """
    with open_instance():
        pass
    if not settings.variable(DAGSTER_HOME_VARIABLE) and not Path(CONFIG_FILE).exists():
        os.environ[DAGSTER_HOME_VARIABLE] = str(FOLDER.absolute())


def _dev(host: str, port: int | None, workspace: WorkspaceOpts) -> None:
    """Run `dagster dev`, which starts the guarded web server instead of Dagster's own."""
    start = getattr(dev, _START_PROCESS)
    setattr(dev, _START_PROCESS, lambda words, **options: start(_guarded(words), **options))
    setattr(dev, _OPEN_INSTANCE, _announced_instance)
    dev.dev_command_impl(
        code_server_log_level="warning",
        log_level="info",
        log_format="colored",
        port=str(port) if port else None,
        host=host,
        use_legacy_code_server_behavior=False,
        shutdown_pipe=None,
        verbose=False,
        workspace_opts=workspace,
    )


@contextmanager
def _announced_instance(*_command: Any, **_options: Any) -> Iterator[DagsterInstance]:
    """Open our instance of the current folder, for a command of Dagster.

    Where the current folder has a dagster.yaml, Dagster itself announces a temporary folder, which it would remove when
    it ends. Our storage keeps the runs in any case.
    """
    with open_instance() as instance:
        click.echo(f"Starting the Dagster UI. Its files are in {instance.root_directory}. Ctrl-C ends it.")
        yield instance


def _guarded(words: Sequence[str]) -> list[str]:
    """Return the command of a process of `dagster dev`, with our web server instead of Dagster's.

    Raises ChangedDagster for an unknown process, which might serve the page without the guard.
    """
    python, option, module, *rest = words
    if (python, option) != (sys.executable, "-m") or module not in (_DAGSTERS_SERVER, _DAGSTERS_DAEMON):
        raise ChangedDagster(" ".join(words[:3]))
    return [python, option, MODULE if module == _DAGSTERS_SERVER else module, *rest]


if __name__ == "__main__":
    main()
