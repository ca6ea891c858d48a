"""The docs say what is so: a page for every check, links and commands that work, and every setting with its default."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from meter_assets.billing.mapping import KEYS
from meter_assets.billing.policy import Policy
from meter_assets.cli.main import main
from meter_assets.definitions import build_definitions
from meter_assets.rules.invariants import INVARIANTS, Invariant
from meter_assets.rules.steps import STEPS, guarded_step
from meter_assets.settings import TABLES, Launchpad, Plan, Watching
from tests.support.check_pages import CHECKS, LOOK, SCHEMA, blocks, page, section
from tests.support.command_line import CommandLine

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SECTIONS = ["What it means", "How to look", "How to fix", "Which command"]


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_every_check_has_its_page(invariant: Invariant) -> None:
    content = page(invariant.name)
    assert content.startswith(f"# {invariant.name}\n\n> {invariant.description}\n")
    assert re.findall(r"^## (.*)$", content, flags=re.MULTILINE) == SECTIONS
    blocked = [name for name, step in STEPS.items() if invariant in (*step.guards.values, *step.guards.before)]
    which = "every step" if len(blocked) == len(STEPS) else " and ".join(f"`{step}`" for step in blocked)
    words = f"{which} of the tenant" if blocked else "nothing"
    facts = (invariant.severity, invariant.group, f"`{guarded_step(invariant.group)}`")
    assert f"| {' | '.join(facts)} | {words} |" in content
    assert invariant.blocks == ("meter_balances" in blocked)
    assert set(re.findall(r":(\w+)", re.sub(r"'[^']*'", "", LOOK[invariant.name]))) == {"tenant"}
    assert "--tenant" in section(invariant.name, "Which command")


def test_the_table_of_checks_has_every_check_and_no_page_is_left_over() -> None:
    content = (CHECKS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \| (\w+) \|", content, flags=re.MULTILINE)
    assert listed == [(one.name, one.severity, one.group) for one in INVARIANTS]
    former = {name for one in INVARIANTS for name in one.former_names}
    assert {path.stem for path in CHECKS.glob("*.md")} == {"README", *LOOK, *former}


PAGES = [
    *(ROOT / f"{one}.md" for one in ("README", "CHANGELOG", "CONTRIBUTING")),
    *sorted(DOCS.rglob("*.md")),
    *sorted(CHECKS.glob("*.md")),
]
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(path: Path) -> set[str]:
    """Return what a link into a page may name: its headings, as they are turned into anchors."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
    return {one if plain.index(one) == at else f"{one}-{plain[:at].count(one)}" for at, one in enumerate(plain)}


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def in_blocks(content: str) -> Iterator[list[str]]:
    """Return the words of every command line of ours in blocks of code for a shell."""
    for block in blocks(content, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "podman":  # of which ours is an image
                continue
            found = [at for at, word in enumerate(words) if word.endswith("meter-assets")]
            if found:
                yield words[found[0] + 1 :]


def without_output(words: list[str]) -> list[str]:
    """Return a command's words up to where a shell does something with what it prints."""
    ends = [at for at, word in enumerate(words) if word in (">", "|", "&&", ";", ">>")]
    return words[: min(ends, default=len(words))]


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, in a group or not, and the other words."""
    name, *others = words
    command = main.commands[name]
    if isinstance(command, click.Group) and others:
        return command.commands[others[0]], others[1:]
    return command, others


@every_page
def test_commands_can_be_given_as_they_stand(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    for words in in_blocks(content):
        command, arguments = command_of(without_output(words))
        command.make_context(words[0], arguments)  # as click parses it, without running it
    for words in (quoted.split()[1:] for quoted in re.findall(r"`(?:\S*/)?(meter-assets [^`]+)`", content)):
        command, _ = command_of(words)
        options = {option for one in command.params for option in one.opts}
        assert {word for word in words if word.startswith("--")} - {"--help"} <= options, words


@pytest.mark.slow
def test_the_commands_of_the_go_live_work_in_their_order(on_sqlite: CommandLine) -> None:
    """Each is given as it stands; where the page goes on with migrated tenants after a rollback, so does the test."""
    given = list(in_blocks((DOCS / "go-live.md").read_text(encoding="utf-8")))
    assert {words[0] for words in given} >= {"rehearse", "migrate-meter-financials", "rollback", "history"}
    for words in given:
        ended = on_sqlite(*words)
        assert ended.status == 0, (words, ended.printed)
        if words[0] == "rollback" and "--dry-run" not in words:
            assert on_sqlite("migrate-meter-financials", "--yes").status == 0


def test_every_environment_variable_is_in_the_table_once() -> None:
    read = {
        name
        for path in (ROOT / "meter_assets").rglob("*")
        if path.suffix in (".py", ".yaml")
        for name in re.findall(r"METER_ASSETS_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }
    told = [name for name, _ in rows_of("Environment variables")]
    assert read <= set(told)
    assert len(told) == len(set(told))


def test_every_setting_is_in_its_table_with_its_default() -> None:
    models: Sequence[tuple[str, type[BaseModel]]] = (
        ("policy", Policy),
        ("watching", Watching),
        ("launchpad", Launchpad),
        ("plan", Plan),
    )
    assert {*(name for name, _ in models), "tables"} == set(TABLES)
    assert [*(key for key, _ in rows_of("`[tables]`")), "columns"] == list(KEYS)
    for name, model in models:
        defaults = {key: as_toml(one.default) for key, one in model.model_fields.items()}
        assert dict(rows_of(f"`[{name}]`")) == defaults


def rows_of(heading: str) -> list[tuple[str, str]]:
    """Return the first two columns of the table under a heading of the page for operators, without their quotes."""
    content = (DOCS / "operating.md").read_text(encoding="utf-8")
    table = re.split(r"^##+ ", content.split(f" {heading}\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^\| `(.+?)` \| `?(.*?)`? \|", table, flags=re.MULTILINE)


def as_toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_the_picture_of_the_system_names_what_there_is() -> None:
    content = (DOCS / "system.md").read_text(encoding="utf-8")
    repository = build_definitions().get_repository_def()
    schedules, sensors = repository.schedule_defs, repository.sensor_defs
    jobs = [name for name in repository.job_names if not name.startswith("__")]
    assets = [key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()]
    for name in (*SCHEMA.own, *(one.name for one in schedules), *(one.name for one in sensors), *jobs, *assets):
        assert f"`{name}`" in content, name
