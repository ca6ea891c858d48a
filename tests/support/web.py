"""Web servers before one small billing database: Dagster's own and ours, one code server for all, and an nginx."""

import http.client
import json
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import yaml
from websockets.sync.client import ClientConnection, connect

from meter_assets.defs.partitions import sync_partitions
from meter_assets.migration.database import BillingDatabase
from meter_assets.runtime.instance import shipped_config
from tests.support.command_line import HEALTHY, make_small_tenants
from tests.support.deployment import ROOT
from tests.support.processes import NotInTime, free_port, started, until

PLAIN = ["-m", "dagster_webserver"]
GUARDED = ["-m", "meter_assets.runtime.web_server"]
REPORTED = dg.AssetKey("reported")
SECONDS_TO_START = 180
LAUNCH = f"""mutation {{ %s(executionParams: {{
    selector: {{repositoryLocationName: "meter_assets", repositoryName: "__repository__",
               jobName: "preview_meter_financials"}}
    executionMetadata: {{tags: [{{key: "dagster/partition", value: "{HEALTHY}"}}]}}
}}) {{ __typename ... on PythonError {{ message }} }} }}"""


class NoNginx(Exception):
    """There is no nginx on this machine."""


@dataclass(frozen=True)
class Answer:
    """What a server has answered."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Server:
    """A web server: its port, the host by which it is asked, and, behind TLS, what trusts its certificate."""

    port: int
    host: str = "127.0.0.1"
    headers: Mapping[str, str] = field(default_factory=dict)
    trusts: ssl.SSLContext | None = None

    @property
    def origin(self) -> str:
        """The origin of its pages."""
        return f"http{'s' if self.trusts else ''}://{self.host}:{self.port}"

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None) -> Answer:
        """Send a request with these headers, which may replace Host, and return the answer."""
        given = {"Host": f"{self.host}:{self.port}", **self.headers, **(headers or {})}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.sock = self._socket()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**given, "Content-Length": str(len(body or ""))}.items():
                connection.putheader(name, value)
            connection.endheaders((body or "").encode())
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read().decode(errors="replace"))
        finally:
            connection.close()

    def graphql(self, query: str, headers: Mapping[str, str] | None = None, *, path: str = "/graphql") -> Answer:
        """Send a query as the UI does."""
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        return self.ask("POST", path, {**own, **(headers or {})}, json.dumps({"query": query}))

    def websocket(self, headers: Mapping[str, str]) -> ClientConnection:
        """Open a WebSocket for GraphQL. Raises websockets' InvalidStatus where it is refused.

        On a busy machine, a handshake through nginx is rarely not answered at all. So it is tried three times.
        """
        for _ in range(2):
            try:
                return self._websocket(headers)
            except TimeoutError:
                continue
        return self._websocket(headers)

    def _websocket(self, headers: Mapping[str, str]) -> ClientConnection:
        scheme = "wss" if self.trusts else "ws"
        return connect(
            f"{scheme}://{self.host}:{self.port}/graphql",
            sock=socket.create_connection(("127.0.0.1", self.port)),
            ssl=self.trusts,
            subprotocols=["graphql-ws"],  # type: ignore[list-item]  # a NewType of str
            additional_headers={**self.headers, **headers},
            compression=None,
            open_timeout=20,
        )

    def _socket(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return self.trusts.wrap_socket(plain, server_hostname=self.host) if self.trusts else plain


@dataclass
class Site:
    """A folder with an instance, a billing database and a code server, and the web servers that are started there."""

    folder: Path
    environment: Mapping[str, str]
    _started: ExitStack

    def serve(self, *words: str, prefix: str = "", environment: Mapping[str, str] | None = None) -> Server:
        """Start a web server with these words of a command, and wait until it answers."""
        server = Server(free_port())
        log = self.folder / f"{server.port}.log"
        command = [sys.executable, *words, "-p", str(server.port), "-w", "workspace.yaml"]
        self._started.enter_context(started(command, self.folder, log, {**self.environment, **(environment or {})}))
        await_answer(server, log, prefix)
        return server

    def nginx(self, servers: Mapping[str, Server]) -> int:
        """Start nginx with the configuration that we ship, before these servers by their ports; return its port."""
        binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if binary is None:
            raise NoNginx("These tests need nginx: install Debian's package nginx-light (apt-get install nginx-light).")
        port, folder = free_port(), self.folder / "nginx"
        changes = {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/nginx/": f"{folder}/",
            **{f"127.0.0.1:{name}": f"127.0.0.1:{server.port}" for name, server in servers.items()},
        }
        for path in (ROOT / "deploy" / "nginx").iterdir():
            content = path.read_text(encoding="utf-8")
            for shipped, here in changes.items():
                content = content.replace(shipped, here)
            (folder / path.name).write_text(content, encoding="utf-8")
        (folder / "nginx.conf").write_text(_main_configuration(folder), encoding="utf-8")
        command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        log = folder / "nginx.log"
        self._started.enter_context(started(command, folder, log))
        await_port(port, log)
        return port

    def kept(self) -> tuple[int, int, int, int]:
        """Return how many runs, materializations, observations and results of checks Dagster has."""
        with dg.DagsterInstance.from_config(self.environment["DAGSTER_HOME"]) as instance:
            checks = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(REPORTED, "check"), limit=1000
            )
            return (
                instance.get_runs_count(),
                len(instance.fetch_materializations(REPORTED, limit=1000).records),
                len(instance.fetch_observations(REPORTED, limit=1000).records),
                len(checks),
            )


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Make a site in an empty folder; end all that was started there."""
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(shipped_config(), encoding="utf-8")
    (folder / "billing.db").touch()
    url = f"sqlite:///{folder / 'billing.db'}"
    make_small_tenants(url)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        sync_partitions(instance, BillingDatabase(url))
    code = free_port()
    location = {"host": "127.0.0.1", "port": code, "location_name": "meter_assets"}
    (folder / "workspace.yaml").write_text(yaml.dump({"load_from": [{"grpc_server": location}]}), encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "METER_"))}
    environment = {**clean, "METER_ASSETS_DATABASE_URL": url, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    words = ["code-server", "start", "--host", "127.0.0.1", "--port", str(code), "-m", "meter_assets.definitions"]
    log = folder / "code-server.log"
    with ExitStack() as stack:
        stack.enter_context(started([sys.executable, "-m", "dagster", *words], folder, log, environment))
        await_port(code, log)
        yield Site(folder, environment, stack)


def await_answer(server: Server, log: Path, prefix: str = "") -> None:
    """Wait until a web server has loaded the definitions."""

    def knows_the_definitions() -> bool:
        try:
            query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            answer = server.graphql(query, path=f"{prefix}/graphql")
            return "__repository__" in answer.text
        except OSError:
            return False

    _within_time(knows_the_definitions, "the web server answers", log)


def await_port(port: int, log: Path) -> None:
    """Wait until somebody listens on a port."""

    def is_taken() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _within_time(is_taken, f"port {port} is listened on", log)


def _within_time(look: object, what: str, log: Path) -> None:
    assert callable(look)
    try:
        until(look, what, SECONDS_TO_START)
    except NotInTime as late:
        raise AssertionError(f"{late} {log.read_text(errors='replace')[-3000:]}") from None


def _main_configuration(folder: Path) -> str:
    """Return the configuration around ours: one process without rights that keeps everything in a folder."""
    kept: Sequence[str] = [
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    around = f"daemon off; master_process off; pid {folder}/pid; events {{}}"
    return f"{around} http {{ access_log off; {' '.join(kept)} include {folder}/meter-assets.conf; }}\n"
