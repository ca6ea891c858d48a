"""The web server: Dagster's own and `dagster dev`, with the guard before them.

`meter-assets ui` and deployments start it: `python -m meter_assets.runtime.web_server` takes the options of
`dagster-webserver`. Only this module changes Dagster's own commands, which have no place for a guard: no public API as
of 1.13 (dagster issue 2219 asks for authentication). Add here what concerns starting the server; what the guard refuses
is in `web_guard`.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import dagster_webserver.cli as webserver

# `dagster dev`, to start the guarded server in place of Dagster's: no public API as of 1.13 (see above).
from dagster._cli import dev

# The test that `dagster-webserver` itself makes before it takes another port: no public API as of 1.13.
from dagster._utils import is_port_in_use

# An argument of `dagster dev`: no public API as of 1.13.
from dagster_shared.cli import WorkspaceOpts

from meter_assets import settings
from meter_assets.errors import InvalidSettings
from meter_assets.runtime.instance import CONFIG_FILE, DAGSTER_HOME_VARIABLE, FOLDER, open_instance
from meter_assets.runtime.web_guard import HOST, HOSTS_VARIABLE, WebGuard

MODULE = "meter_assets.runtime.web_server"
DEFINITIONS = "meter_assets.definitions"
LOCAL_HOST = webserver.DEFAULT_WEBSERVER_HOST
WORKSPACE_FILE = "workspace.yaml"
_MAKES_THE_APP = "create_app_from_workspace_process_context"
_STARTS_A_PROCESS = "open_ipc_subprocess"
_DAGSTERS_SERVER, _DAGSTERS_DAEMON = "dagster_webserver", "dagster._daemon"


class ChangedDagster(RuntimeError):
    """This version of Dagster starts its processes in another way than the one that is guarded."""

    def __init__(self, module: str) -> None:
        """Take the module that it starts."""
        super().__init__(
            f"This version of Dagster starts {module}, which meter-assets does not know and cannot guard. Install the "
            "version that meter-assets names."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run Dagster's command `dagster-webserver` with the guard around the application that it serves.

    Raises click.ClickException for hosts in the environment that are none.
    """
    make_app = getattr(webserver, _MAKES_THE_APP)

    def make_guarded_app(*given: Any, **options: Any) -> WebGuard:
        return WebGuard(make_app(*given, **options), {_as_host(click.get_current_context().params["host"]), *named})

    try:
        named = allowed_hosts()
    except InvalidSettings as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)
    setattr(webserver, _MAKES_THE_APP, make_guarded_app)
    webserver.cli.main(arguments, prog_name="dagster-webserver", auto_envvar_prefix="DAGSTER_WEBSERVER")


def serve(host: str, port: int | None, *, read_only: bool) -> None:
    """Serve the web page until Ctrl-C, for the instance and the definitions of the current folder.

    With the daemon and a code server, as `dagster dev` does it; read-only without the daemon, since an instance has
    one at most. Raises InvalidSettings for an instance, a port or a host that cannot be used.
    """
    allowed_hosts()
    if port is not None and is_port_in_use(host, port):
        raise InvalidSettings(f"Port {port} of {host} is in use. Name another one with --port.")
    _prepare_instance()
    has_workspace = Path(WORKSPACE_FILE).exists()
    if not read_only:
        _dev(host, port, WorkspaceOpts(module_name=None if has_workspace else (DEFINITIONS,)))
        return
    address = ["--host", host, *(["--port", str(port)] if port else [])]
    main(["--read-only", *address, *([] if has_workspace else ["--module-name", DEFINITIONS])])


def allowed_hosts() -> frozenset[str]:
    """Return the hosts that the environment names. Raises InvalidSettings for what is no host."""
    given = settings.variable(HOSTS_VARIABLE)
    if given is None:
        return frozenset()
    hosts = [one.strip().lower() for one in given.split(",")]
    if not all(re.fullmatch(HOST, one) for one in hosts):
        raise InvalidSettings(
            f"{HOSTS_VARIABLE} is {given!r}, expected hosts without scheme and port, separated by commas, such as "
            "meter-assets.example.com. Unset it if browsers reach the web page by this machine's own address alone."
        )
    return frozenset(hosts)


def _as_host(address: str) -> str:
    """Return an address to listen on as browsers write it."""
    return f"[{address}]" if ":" in address else address.lower()


def _prepare_instance() -> None:
    """Create the instance if it does not exist, and let Dagster's commands use it.

    In a folder with a dagster.yaml they find it by themselves.
    """
    with open_instance():
        pass
    if not settings.variable(DAGSTER_HOME_VARIABLE) and not Path(CONFIG_FILE).exists():
        os.environ[DAGSTER_HOME_VARIABLE] = str(FOLDER.absolute())


def _dev(host: str, port: int | None, workspace: WorkspaceOpts) -> None:
    """Run `dagster dev`, which starts the guarded web server in place of Dagster's own."""
    start = getattr(dev, _STARTS_A_PROCESS)
    setattr(dev, _STARTS_A_PROCESS, lambda words, **options: start(_guarded(words), **options))
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


def _guarded(words: Sequence[str]) -> list[str]:
    """Return the command of a process of `dagster dev`, with our web server for Dagster's.

    Raises ChangedDagster for a process that is not known, which might serve the page unguarded.
    """
    python, option, module, *rest = words
    if (python, option) != (sys.executable, "-m") or module not in (_DAGSTERS_SERVER, _DAGSTERS_DAEMON):
        raise ChangedDagster(" ".join(words[:3]))
    return [python, option, MODULE if module == _DAGSTERS_SERVER else module, *rest]


if __name__ == "__main__":
    main()
