"""`--json`: what each command prints for programs, the schemas in the docs, and pipes.

`METER_ASSETS_UPDATE_GOLDEN=1 pytest tests/cli/test_json.py` writes the files in docs/schemas again.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from meter_assets.cli.json_schemas import DOCUMENTS, schema_of
from meter_assets.cli.main import main
from meter_assets.migration.step_report import Money
from tests.support.check_pages import blocks
from tests.support.command_line import BROKEN, COMMAND, HEALTHY, CommandLine

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
MIGRATE = ("migrate-meter-financials", "--json")
AS_MONEY = TypeAdapter(Money).json_schema(mode="serialization")["pattern"]
_WORDS = {"items", "additionalProperties", "properties", "$defs"}
"""Keys of a schema that are no names of fields."""
WRITES_NO_RESULTS = {"init", "ui", "grants", "demo", "approve", "statements", "report"}
"""The commands whose output is a file, a page, SQL for a client program or a tour."""
ON_CLEAN_BOOKS: tuple[tuple[str, ...], ...] = (
    ("check-database",),
    (*MIGRATE, "--dry-run"),
    ("backfill-payment-meter-ids", "--dry-run", "--tenant", HEALTHY),
    ("differences",),
    ("history",),
    ("backfill-payment-meter-ids", "--yes", "--tenant", HEALTHY),
    ("backfill-invoice-amounts", "--yes", "--tenant", HEALTHY),
    ("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY),
    (*MIGRATE, "--yes"),
    (*MIGRATE, "--yes", "--jobs", "1"),
    ("sync-customer-balances", "--yes"),
    ("validate-meter-financial-data",),
    ("validate-meter-financial-data", "--failed"),
    ("status",),
    ("review", "list"),
    ("compare-policies", "--policy", "balance_basis=invoice_totals"),
    ("verify",),
    ("history", "--failed"),
    ("explain", "1", "--by", "id", "--tenant", HEALTHY, "--history"),
    ("explain", "--customer", "1", "--by", "id", "--tenant", HEALTHY),
    ("check-sql", "money_is_conserved", "--tenant", HEALTHY),
    ("rollback", "--dry-run"),
    ("rollback", "--yes", "--tenant", HEALTHY),
    (*MIGRATE, "--dry-run", "--failed"),
    (*MIGRATE, "--yes", "--failed"),
    ("rollback", "--yes", "--failed"),
)
"""Commands in an order in which each has something to print; the last ones select no tenant."""


def printed(shell: CommandLine, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run a command with --json, and return what it has printed, which must be valid by the schema of the command."""
    given = arguments if "--json" in arguments else (*arguments, "--json")
    ended = shell(*given)
    assert ended.status == status, ended.printed
    exact = given[0] != "rehearse"  # whose seconds are floats
    found: dict[str, Any] = json.loads(ended.on_stdout, parse_float=pytest.fail if exact else float)
    Draft202012Validator(closed(json.loads(schema_file(given[0]).read_text("utf-8")))).validate(found)
    return found


def amounts_of_another_kind(schema: Any, name: str = "") -> list[str]:
    """Return the fields of a schema that are decimals without being printed as money."""
    if isinstance(schema, list):
        return [found for one in schema for found in amounts_of_another_kind(one, name)]
    if not isinstance(schema, dict):
        return []
    found = [name] if "pattern" in schema and schema["pattern"] != AS_MONEY else []
    for key, one in schema.items():
        found += amounts_of_another_kind(one, key if isinstance(one, dict) and key not in _WORDS else name)
    return found


def test_all_money_has_one_form() -> None:
    """That of CSV files, on every engine; the commands of this module print nothing that the schemas do not allow."""
    amounts = ("0", "-0.0", "1E+2", "-1.5", "1.2345", "12345678901234567890123456789.01", "NaN", "-Infinity")
    expected = ["0.00", "0.00", "100.00", "-1.50", "1.2345", "12345678901234567890123456789.01", "NaN", "-Infinity"]
    money = TypeAdapter(Money)
    found = [money.validate_python(Decimal(one)) for one in amounts]
    assert [money.dump_python(one, mode="json") for one in found] == expected
    assert all(re.fullmatch(AS_MONEY, one) for one in expected)
    others = {name for command in DOCUMENTS for name in amounts_of_another_kind(schema_of(command))}
    assert others <= {"confidence"}


def closed(schema: Any) -> Any:
    """Return a schema in which no object has fields that are not in it: later versions may add some, this one not."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    own = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {**own, **{name: closed(one) for name, one in schema.items()}}


def schema_file(command: str) -> Path:
    return SCHEMAS / f"{command}.json"


def has_json(command: click.Command) -> bool:
    """Return whether a command, or a command below it, takes --json."""
    if isinstance(command, click.Group):
        return any(map(has_json, command.commands.values()))
    return any("--json" in one.opts for one in command.params if isinstance(one, click.Option))


def test_every_command_that_prints_results_has_json() -> None:
    with_json = {name for name, command in main.commands.items() if has_json(command)}
    assert with_json == set(DOCUMENTS)
    assert set(main.commands) - with_json == WRITES_NO_RESULTS


@pytest.mark.slow
def test_the_schemas_in_the_docs_are_those_of_the_models() -> None:
    if os.environ.get("METER_ASSETS_UPDATE_GOLDEN"):
        SCHEMAS.mkdir(exist_ok=True)
        for command in DOCUMENTS:
            schema_file(command).write_text(json.dumps(schema_of(command), indent=2) + "\n", encoding="utf-8")
    assert {path.stem for path in SCHEMAS.iterdir()} == set(DOCUMENTS)
    for command in DOCUMENTS:
        schema = json.loads(schema_file(command).read_text("utf-8"))
        assert schema == schema_of(command), f"the schema of {command} has changed; read the change, then see above"
        Draft202012Validator.check_schema(schema)
        for name, one in {**schema.get("$defs", {}), command: schema}.items():
            assert set(one.get("required", ())) == set(one.get("properties", ())), f"{name}: every field is printed"


@pytest.mark.slow
def test_each_command_prints_what_its_schema_says(on_sqlite: CommandLine) -> None:
    assert {words[0] for words in ON_CLEAN_BOOKS} | {"rehearse"} == set(DOCUMENTS)
    for words in ON_CLEAN_BOOKS:
        found = printed(on_sqlite, *words)
        if "--failed" in words:
            assert found.get("tenants", found.get("runs")) == []
    assert printed(on_sqlite, "rehearse", "--tenant", HEALTHY)["tenants"][0]["tenant"] == HEALTHY


@pytest.mark.every_engine
@pytest.mark.slow
def test_what_a_migration_did_and_would_do(shell: CommandLine) -> None:
    """The dry run and the live run say the same of each step; on each engine."""
    shell.change("UPDATE payments SET customer_id = NULL, invoice_id = NULL, meter_id = NULL WHERE id = 1")
    planned = printed(shell, *MIGRATE, "--dry-run", status=1)
    assert [one["preview"]["would_fail"] for one in planned["tenants"]] == [True, False, False]
    done = printed(shell, *MIGRATE, "--yes", status=1)
    assert [one["succeeded"] for one in done["tenants"]] == [False, True, True]
    assert done["exit_status"] == 1
    for was, one in zip(planned["tenants"][1:], done["tenants"][1:], strict=True):
        steps = {step["step"]: step for step in one["steps"]}
        for step in was["preview"]["steps"]:
            assert {**steps[step["step"]], "notes": []} == {**step, "notes": []}
        assert one["rows_changed"] == sum(step["changed"] for step in steps.values())
    violated = {one["name"] for one in done["tenants"][0]["invariants"] if not one["passed"]}
    assert "every_counted_payment_has_a_meter" in violated
    assert printed(shell, *MIGRATE, "--yes", "--failed", status=1)["tenants"][0]["tenant"] == HEALTHY
    undone = printed(shell, "rollback", "--yes", "--tenant", BROKEN)
    assert undone["rows_restored"] == done["tenants"][2]["rows_changed"]


@pytest.mark.slow
def test_the_output_for_people_is_on_standard_error(on_sqlite: CommandLine) -> None:
    ended = on_sqlite(*MIGRATE, "--yes", "--tenant", HEALTHY)
    assert "5/6 meter balances" in ended.printed.replace(ended.on_stdout, "")
    ended = on_sqlite("check-database", "--suggest", "--json")
    assert (ended.status, ended.on_stdout) == (2, "")
    ended = on_sqlite(*MIGRATE, "--tenant", "9", "--dry-run")
    assert (ended.status, ended.on_stdout, "No such tenant: 9" in ended.words) == (2, "", True)


def in_a_shell(shell: CommandLine, pipe: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash, in which $ours is our program, that fails if any of its commands fails."""
    variables = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    variables |= {"METER_ASSETS_DATABASE_URL": shell.url, **environment}
    ours = f'ours() {{ {sys.executable} -c "{COMMAND[2]}" "$@"; }}; set -o pipefail; {pipe}'
    return subprocess.run(
        ["bash", "-c", ours], cwd=shell.folder, env=variables, capture_output=True, text=True, encoding="utf-8"
    )


@pytest.mark.slow
def test_pipes_to_head_and_jq(on_sqlite: CommandLine) -> None:
    """A reader that ends early is no error; names are whole in any encoding of standard output."""
    name = "Žofie 🚰 é"
    on_sqlite.change(f"UPDATE tenants SET name = '{name}' WHERE id = {HEALTHY}")
    ended = in_a_shell(on_sqlite, "ours migrate-meter-financials --dry-run --json --tenant 1 | head -1")
    assert (ended.returncode, ended.stdout) == (0, "{\n"), ended.stderr
    ended = in_a_shell(on_sqlite, "ours status --json 2>&1 | head -c 1")
    assert (ended.returncode, ended.stdout) == (0, "{")
    reader = "jq -r '.tenants[0].name'"
    if shutil.which("jq") is None:
        reader = f'{sys.executable} -c \'import json, sys; print(json.load(sys.stdin)["tenants"][0]["name"])\''
    for encoding in ("utf-8", "ascii", "latin-1"):
        given = f"PYTHONIOENCODING={encoding} ours status --json | PYTHONIOENCODING=utf-8 {reader}"
        assert in_a_shell(on_sqlite, given).stdout == f"{name}\n"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_examples_of_pipes_work(on_sqlite: CommandLine) -> None:
    content = (SCHEMAS.parent / "json.md").read_text("utf-8")
    (examples,) = blocks(content, "sh")
    lines = examples.replace("|\n", "| ").splitlines()
    assert len(lines) == 7
    assert on_sqlite(*MIGRATE, "--yes").status == 0
    for line in lines:
        ended = in_a_shell(on_sqlite, line.replace("meter-assets ", "ours "))
        assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), (line, ended.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_of_shells(shell_name: str, on_sqlite: CommandLine) -> None:
    """The docs name the variable that makes the program print its completion script."""
    command = [str(Path(sys.executable).with_name("meter-assets"))]
    environment = {**os.environ, "_METER_ASSETS_COMPLETE": f"{shell_name}_source"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, "_METER_ASSETS_COMPLETE" in done.stdout) == (0, True), done.stderr
    docs = (SCHEMAS.parent / "json.md").read_text("utf-8")
    assert f"_METER_ASSETS_COMPLETE={shell_name}_source meter-assets" in docs
    environment |= {
        "_METER_ASSETS_COMPLETE": f"{shell_name}_complete",
        "COMP_WORDS": "meter-assets roll",
        "COMP_CWORD": "roll" if shell_name == "fish" else "1",  # the word itself, or its place
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "rollback" in done.stdout
