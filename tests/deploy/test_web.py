"""No web page of others launches, reports or reads anything: by our web server, and by nginx with our configuration.

Every attack is first tried on Dagster's own server, where it works.
"""

import base64
import functools
import http.server
import json
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page
from websockets.exceptions import InvalidStatus

from meter_assets.runtime.web_guard import HOSTS_VARIABLE
from tests.support import web
from tests.support.browser import browser_page
from tests.support.certificates import make_certificate
from tests.support.command_line import COMMAND, CommandLine
from tests.support.processes import free_port
from tests.support.web import GUARDED, LAUNCH, PLAIN, Answer, Server, Site, site

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web"), pytest.mark.filterwarnings("default::ResourceWarning")]
FOREIGN = "https://evil.example"
NAMED = "meter-assets.example.com"
VIEWERS = "meter-assets-view.example.com"
MUTATIONS = ("launchRun", "launchPipelineExecution")
JSON = {"Content-Type": "application/json"}
# Where the tests run in the background, a shell lets them ignore Ctrl-C.
_TAKES_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
INTERRUPTIBLE = [sys.executable, "-c", f"{_TAKES_CTRL_C}; {COMMAND[-1]}"]


@dataclass(frozen=True)
class Attack:
    """A request that somebody else's page makes a browser send, and the status with which it is refused."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None
    refused: int

    def on(self, server: Server) -> Answer:
        """Send it."""
        return server.ask(self.method, self.path, self.headers, self.body)


def attacks(launch: str) -> dict[str, Attack]:
    """Return every way to send a launch, by name."""
    text, query = json.dumps({"query": launch}), f"/graphql?query={urllib.parse.quote(launch)}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    own = {"Sec-Fetch-Site": "same-origin"}
    return {
        "GET": Attack("GET", query, {}, None, 405),
        "GET of a foreign page": Attack("GET", query, {"Origin": FOREIGN}, None, 405),
        "GET as a picture": Attack("GET", query, {"Accept": "image/avif,*/*", **own}, None, 405),
        "POST without a body": Attack("POST", query, {}, None, 415),
        "POST of a form": Attack("POST", query, {**form, "Origin": FOREIGN}, "a=b", 403),
        "POST of a form without an origin": Attack("POST", query, form, "a=b", 415),
        "POST of text": Attack("POST", query, {"Content-Type": "text/plain"}, text, 415),
        "POST of text that mentions JSON": Attack(
            "POST", "/graphql", {"Content-Type": "text/plain; application/json"}, text, 415
        ),
        "POST of GraphQL": Attack("POST", "/graphql", {"Content-Type": "application/graphql"}, launch, 415),
        "POST of a foreign page": Attack("POST", "/graphql", {**JSON, "Origin": FOREIGN}, text, 403),
        "POST of a file": Attack("POST", "/graphql", {**JSON, "Origin": "null"}, text, 403),
        "POST of the same site": Attack("POST", "/graphql", {**JSON, "Sec-Fetch-Site": "same-site"}, text, 403),
        "POST of another port": Attack("POST", "/graphql", {**JSON, "Origin": "http://127.0.0.1:1"}, text, 403),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests here: each server takes long to start."""
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def plain(place: Site) -> Server:
    """Dagster's own server."""
    return place.serve(*PLAIN)


@pytest.fixture(scope="module")
def guarded(place: Site) -> Server:
    """Ours."""
    return place.serve(*GUARDED, environment={HOSTS_VARIABLE: f"{NAMED}, {VIEWERS}"})


@pytest.fixture(scope="module")
def viewers(place: Site) -> Server:
    """Ours, read-only."""
    return place.serve(*GUARDED, "--read-only", environment={HOSTS_VARIABLE: f"{NAMED}, {VIEWERS}"})


# Ours


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_foreign_request_launches(mutation: str, place: Site, plain: Server, guarded: Server) -> None:
    for name, attack in attacks(LAUNCH % mutation).items():
        before = place.kept()
        assert "LaunchRunSuccess" in attack.on(plain).text, name
        between = place.kept()
        assert between[0] == before[0] + 1, f"{name} launches on Dagster's own server"
        answer = attack.on(guarded)
        assert (answer.status, answer.text[:8]) == (attack.refused, "Refused:"), name
        assert place.kept() == between, name


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example@127.0.0.1", "", NAMED[1:]])
def test_no_other_name_reaches_it(host: str, place: Site, plain: Server, guarded: Server) -> None:
    """A page's owner may let its own name lead to this machine: then all is of one origin."""
    headers = {"Host": f"{host}:{guarded.port}", "Origin": f"http://{host}:{guarded.port}"}
    before = place.kept()
    for path in ("/", "/graphql?query={__typename}", "/report_asset_materialization/reported"):
        assert guarded.ask("GET", path, {**headers, "Accept": "text/html"}).status == 403
    answer = guarded.graphql(LAUNCH % "launchRun", headers)
    assert (answer.status, HOSTS_VARIABLE in answer.text) == (403, True)
    assert place.kept() == before
    assert "LaunchRunSuccess" in plain.graphql(LAUNCH % "launchRun", headers).text


def test_its_own_names_reach_it(place: Site, guarded: Server) -> None:
    for host in ("localhost", "127.0.0.1", "LOCALHOST", NAMED):
        for headers in (
            {"Host": f"{host}:{guarded.port}", "Origin": f"http://{host.lower()}:{guarded.port}"},
            {"Host": host, "Origin": f"https://{host.lower()}"},
            {"Host": f"{host}:443", "Origin": f"https://{host.lower()}"},
        ):
            answer = guarded.graphql("{ __typename }", headers)
            assert answer.status == 200, (headers, answer.text)
    before = place.kept()
    assert "LaunchRunSuccess" in guarded.graphql(LAUNCH % "launchRun").text
    program = guarded.ask("POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}, '{"query": "{a}"}')
    assert "Cannot query field" in program.text, "a program that is no browser names no origin"
    assert place.kept()[0] == before[0] + 1


def test_no_foreign_page_reports_what_never_was(place: Site, plain: Server, guarded: Server) -> None:
    paths = (
        "/report_asset_materialization/reported",
        "/report_asset_observation/reported?data_version=1",
        "/report_asset_check/reported?check_name=check&passed=true",
    )
    for at, path in enumerate(paths, start=1):
        before = place.kept()
        assert plain.ask("POST", path, {"Origin": FOREIGN}).status == 200
        between = place.kept()
        assert between[at] == before[at] + 1, path
        for headers, refused in (({"Origin": FOREIGN}, 403), ({"Origin": FOREIGN, **JSON}, 403), ({}, 415)):
            assert guarded.ask("POST", path, headers, "{}").status == refused, path
        assert place.kept() == between
        assert guarded.ask("POST", path, JSON, "{}").status == 200, "a program may report"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_no_other_method_reaches_graphql(method: str, guarded: Server) -> None:
    query = f"/graphql?query={urllib.parse.quote(LAUNCH % 'launchRun')}"
    assert guarded.ask(method, query, JSON, "{}").status == 405


@pytest.mark.parametrize("prefix", ["", "/billing"])
def test_graphql_is_guarded_however_its_path_is_spelt(prefix: str, place: Site, guarded: Server) -> None:
    server = place.serve(*GUARDED, "--path-prefix", prefix, prefix=prefix) if prefix else guarded
    before = place.kept()
    query = f"?query={urllib.parse.quote(LAUNCH % 'launchRun')}"
    for path in ("/graphql", "//graphql", "/%67raphql", "/graphql/", "/a/../graphql"):
        assert server.ask("GET", prefix + path + query).status == 405, path
        assert server.ask("POST", prefix + path + query, {"Content-Type": "text/plain"}, "a").status == 415, path
    page = server.ask("GET", f"{prefix}/graphql{query}", {"Accept": "text/html"})
    assert (page.status, "GraphiQL" in page.text) == (200, True), "the page for GraphQL"
    assert place.kept() == before


def test_a_websocket_launches_nothing(place: Site, plain: Server) -> None:
    """Dagster takes subscriptions there, by which run logs are read, and nothing else."""
    before = place.kept()
    with plain.websocket({"Origin": FOREIGN}) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        opened.send(json.dumps({"type": "start", "id": "1", "payload": {"query": LAUNCH % "launchRun"}}))
        answers = [json.loads(opened.recv(timeout=60)) for _ in range(2)]
    assert [one["type"] for one in answers] == ["connection_ack", "error"]
    assert place.kept() == before


@pytest.mark.parametrize("headers", [{"Origin": FOREIGN}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_foreign_page_opens_a_websocket(headers: Mapping[str, str], plain: Server, guarded: Server) -> None:
    assert speaks(plain, headers)
    with pytest.raises(InvalidStatus) as refused:
        speaks(guarded, headers)
    assert refused.value.response.status_code == 403


def test_its_own_page_opens_a_websocket(guarded: Server) -> None:
    assert speaks(guarded, {"Origin": guarded.origin, "Sec-Fetch-Site": "same-origin"})


def speaks(server: Server, headers: Mapping[str, str]) -> bool:
    """Say whether a server answers on a WebSocket. Raises InvalidStatus."""
    with server.websocket(headers) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        return bool(json.loads(opened.recv(timeout=60)) == {"type": "connection_ack"})


def test_pages_are_in_no_frame_and_load_nothing_from_elsewhere(plain: Server, guarded: Server) -> None:
    for path in ("/", "/graphql", "/server_info"):
        answer = guarded.ask("GET", path, {"Accept": "text/html"})
        assert answer.status == 200
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        raw = guarded.ask("GET", path, {"Accept": "text/html"}).headers
        assert "frame-ancestors 'none'" in raw["content-security-policy"]
    assert "x-frame-options" not in plain.ask("GET", "/").headers


def test_viewers_look_and_launch_nothing(place: Site, viewers: Server) -> None:
    before = place.kept()
    assert viewers.graphql("{ __typename }").status == 200
    for mutation in MUTATIONS:
        assert "UnauthorizedError" in viewers.graphql(LAUNCH % mutation).text
    assert viewers.ask("POST", "/report_asset_materialization/reported", JSON, "{}").status == 401
    assert place.kept() == before


@pytest.mark.parametrize(
    "hosts",
    [
        "",
        "a.example:443",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in ("https://a.example", "*", "a.example,,")),
    ],
)
def test_hosts_that_are_none_are_told_before_anything_is_started(
    hosts: str, place: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CommandLine(tmp_path, "", {HOSTS_VARIABLE: hosts, "DAGSTER_HOME": None})("ui")
    assert (ended.status, f"{HOSTS_VARIABLE} is '{hosts}', expected hosts" in ended.words) == (2, True)
    server = subprocess.run(
        [sys.executable, *GUARDED, "-w", "workspace.yaml"],
        cwd=place.folder,
        env={**place.environment, HOSTS_VARIABLE: hosts},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (server.returncode, "expected hosts" in server.stderr) == (2, True)


# meter-assets ui


@pytest.mark.parametrize("options", [[], ["--read-only"]])
def test_the_ui_is_guarded_and_ends_with_all_its_processes(options: list[str], place: Site) -> None:
    """The current folder has a workspace.yaml, as a checkout has."""
    server = Server(free_port())
    command = [*INTERRUPTIBLE, "ui", "--port", str(server.port), *options]
    log = place.folder / f"ui{server.port}.log"
    with log.open("wb") as output:
        ui = subprocess.Popen(command, cwd=place.folder, env=place.environment, stdout=output, stderr=output)
    try:
        web.await_answer(server, log)
        printed = log.read_text()
        assert printed.startswith("Starting the Dagster UI. Its files are in ")
        assert not re.search("temporary|supersed|deprecat|Traceback", printed)
        assert server.ask("GET", "/graphql?query={__typename}").status == 405
        assert ("UnauthorizedError" in server.graphql(LAUNCH % "launchRun").text) == bool(options)
        again = subprocess.run(command, cwd=place.folder, env=place.environment, capture_output=True, check=False)
        assert (again.returncode, b"is in use. Choose another port with --port" in again.stderr) == (2, True)
        children = psutil.Process(ui.pid).children(recursive=True)
        assert any("dagster._daemon" in child.cmdline() for child in children) == (not options)
        ui.send_signal(signal.SIGINT)
        assert ui.wait(timeout=120) == 0
        assert not psutil.wait_procs(children, timeout=30)[1]
    finally:
        ui.kill()
        ui.wait()


# A real browser


PAGE = """<!doctype html><img src="{url}/graphql?query={query}"><iframe name="frame"></iframe>
<form id="form" target="frame" method="post" enctype="text/plain" action="{url}/graphql?query={query}">
<input name="a" value="b"></form>
<script>
const body = JSON.stringify({{query: decodeURIComponent("{query}")}});
const sent = [fetch("{url}/graphql?query={query}", {{mode: "no-cors"}}),
  fetch("{url}/graphql?query={query}", {{mode: "no-cors", method: "POST", body: "a"}}),
  fetch("{url}/graphql", {{mode: "no-cors", method: "POST", body: new Blob([body], {{type: "{kind}"}})}}),
  fetch("{url}/report_asset_materialization/reported", {{mode: "no-cors", method: "POST"}})];
document.getElementById("form").submit();
Promise.allSettled(sent).then(() => new Promise(done => {{
  const socket = new WebSocket("{url}/graphql".replace("http", "ws"), "graphql-ws");
  socket.onopen = () => done("open"); socket.onerror = () => done("refused");
}})).then(found => setTimeout(() => document.title = found, 3000));
</script>"""


@contextmanager
def page_of_others(folder: Path, server: Server) -> Iterator[list[str]]:
    """Serve a page that attacks a server from another port, and yield its addresses, there and as a file."""
    query = urllib.parse.quote(LAUNCH % "launchRun", safe="")
    (folder / "page.html").write_text(
        PAGE.format(url=server.origin, query=query, kind="text/plain; application/json"), encoding="utf-8"
    )
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield [f"http://127.0.0.1:{other.server_port}/page.html", (folder / "page.html").as_uri()]
        other.shutdown()
        thread.join()


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *ignored: object) -> None:
        """Print nothing."""


def socket_of(page: Page, address: str) -> str:
    """Open a page of others, wait until it has sent all that it sends, and return what came of its WebSocket."""
    page.goto(address)
    page.wait_for_function("document.title")
    return page.title()


@pytest.mark.browser
def test_no_page_in_a_browser_launches(place: Site, plain: Server, guarded: Server, tmp_path: Path) -> None:
    with browser_page() as page:
        with page_of_others(tmp_path, plain) as addresses:
            for address in addresses:
                before = place.kept()
                assert socket_of(page, address) == "open"
                launched, reported, *_ = (now - then for now, then in zip(place.kept(), before, strict=True))
                assert launched >= 5, "an image, a form and three fetches"
                assert reported == 1
        with page_of_others(tmp_path, guarded) as addresses:
            before = place.kept()
            assert [socket_of(page, address) for address in addresses] == ["refused"] * 2
            assert place.kept() == before


# nginx


@pytest.fixture(scope="module")
def proxied(place: Site, plain: Server, viewers: Server) -> tuple[Server, Server]:
    """What operators and what viewers reach by nginx. Behind the operators' is Dagster's own server: nginx must do."""
    folder = place.folder / "nginx"
    folder.mkdir()
    certificate = make_certificate(folder, NAMED, VIEWERS)
    for file in ("meter-assets.crt", "meter-assets.key"):
        shutil.copy(certificate, folder / file)
    for who in ("operators", "viewers"):
        (folder / f"meter-assets-{who}.htpasswd").write_text(f"{who}:{{PLAIN}}secret\n", encoding="utf-8")
    port = place.nginx({"3000": plain, "3001": viewers})
    trusts = ssl.create_default_context(cafile=str(certificate))
    operators = Server(port, NAMED, password("operators"), trusts)
    return operators, replace(operators, host=VIEWERS, headers=password("viewers"))


def password(user: str) -> dict[str, str]:
    """Return the header by which a browser says a user's password."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:secret'.encode()).decode()}"}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_nginx_lets_no_foreign_request_through(mutation: str, place: Site, proxied: tuple[Server, Server]) -> None:
    before = place.kept()
    for name, attack in attacks(LAUNCH % mutation).items():
        assert attack.on(proxied[0]).status in (attack.refused, 403), name
    for path in ("/report_asset_materialization/reported", "//graphql", "/%67raphql", "/graphql/", "/x/../graphql"):
        for headers in ({"Origin": FOREIGN}, {"Origin": FOREIGN, **JSON}, {"Content-Type": "text/plain"}):
            assert proxied[0].ask("POST", path, headers, "{}").status in (403, 405, 415), path
    for headers in ({"Origin": FOREIGN}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
        with pytest.raises(InvalidStatus) as refused:
            speaks(proxied[0], headers)
        assert refused.value.response.status_code == 403
    assert (
        proxied[0].graphql("{ __typename }", {"Host": "evil.example", "Origin": "https://evil.example"}).status == 403
    )
    assert place.kept() == before


def test_nginx_lets_nobody_in_without_a_password(place: Site, proxied: tuple[Server, Server]) -> None:
    before = place.kept()
    for server, other in zip(proxied, reversed(proxied), strict=True):
        for headers in ({}, other.headers):
            stranger = replace(server, headers=headers)
            for path in ("/", "/server_info", "/logs/a/out", "/favicon.png"):
                assert stranger.ask("GET", path).status == 401
            assert stranger.graphql(LAUNCH % "launchRun").status == 401
            with pytest.raises(InvalidStatus) as refused:
                speaks(stranger, {"Origin": server.origin})
            assert refused.value.response.status_code == 401
    assert place.kept() == before


def test_nginx_lets_the_ui_through(place: Site, proxied: tuple[Server, Server]) -> None:
    operators, viewers = proxied
    before = place.kept()
    for server in proxied:
        page = server.ask("GET", "/", {"Accept": "text/html"})
        assert (page.status, "strict-transport-security" in {name.lower() for name in page.headers}) == (200, True)
        assert server.graphql("{ __typename }").status == 200
        assert speaks(server, {"Origin": server.origin, "Sec-Fetch-Site": "same-origin"})
    assert "UnauthorizedError" in viewers.graphql(LAUNCH % "launchRun").text
    assert place.kept() == before
    assert "LaunchRunSuccess" in operators.graphql(LAUNCH % "launchRun").text
    assert place.kept()[0] == before[0] + 1
