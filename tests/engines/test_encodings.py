"""Databases of servers whose encoding is not UTF-8: they work, or are refused with a sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, command_line_in
from tests.support.small_billing import SmallBilling

MIGRATE = ("migrate-meter-financials", "--yes")
NAME = "Žofie café"
POSTGRESQL, MARIADB = "postgres_server", "mariadb_server"


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The command line on a small billing database with the engine and encoding of the test."""
    server, encoding = request.getfixturevalue(request.param[0]), request.param[1]
    named = {"encoding": encoding} if request.param[0] == POSTGRESQL else {"character_set": encoding}
    with server.database(**named) as url:
        made = command_line_in(tmp_path, url, monkeypatch)
        made.change(*SmallBilling().statements())
        yield made


def case(server: str, encoding: str, *values: str, thorough: bool = False) -> Any:
    marks = [pytest.mark.server, *([pytest.mark.thorough] if thorough else [])]
    return pytest.param((server, encoding), *values, marks=marks, id="-".join((encoding, *values)))


@pytest.mark.parametrize(
    ("shell", "name"),
    [
        case(POSTGRESQL, "LATIN1", "café"),
        case(POSTGRESQL, "LATIN2", NAME, thorough=True),
        case(POSTGRESQL, "SQL_ASCII", NAME),
        case(POSTGRESQL, "SQL_ASCII", "plain", thorough=True),
        case(POSTGRESQL, "WIN1252", "café €", thorough=True),
        case(MARIADB, "latin1", "café €"),
        case(MARIADB, "utf8mb3", NAME),
        case(MARIADB, "cp1250", NAME, thorough=True),
        case(MARIADB, "sjis", "水道 ソ表", thorough=True),
    ],
    indirect=["shell"],
)
def test_names_are_shown_and_the_tenant_is_migrated(shell: CommandLine, name: str) -> None:
    shell.change(f"UPDATE tenants SET name = '{name}'", f"UPDATE meters SET meter_number = '{name}'")
    for command in (("migrate-meter-financials", "--dry-run"), MIGRATE, ("rollback", "--yes")):
        said = shell(*command)
        assert said.status == 0, said.printed
        assert f'1 "{name}"' in said.words
        balance = 70 if command == MIGRATE else 0
        assert shell.rows("SELECT balance FROM meters") == [(balance,)]


@pytest.mark.parametrize("shell", [case(POSTGRESQL, "SQL_ASCII")], indirect=True)
def test_bytes_that_are_no_utf8_are_refused_with_a_sentence(shell: CommandLine) -> None:
    shell.change("UPDATE tenants SET name = convert_from('\\x636166e9', 'SQL_ASCII')")
    for command in (("migrate-meter-financials", "--dry-run"), MIGRATE, ("validate-meter-financial-data",)):
        said = shell(*command)
        assert said.status == 1, said.printed
        assert 'cannot be read: invalid byte sequence for encoding "UTF8": 0xe9' in said.words


@pytest.mark.parametrize("shell", [case(POSTGRESQL, "LATIN1"), case(MARIADB, "latin1")], indirect=True)
def test_a_failure_is_recorded_also_where_its_sentence_has_other_letters(shell: CommandLine) -> None:
    """A long name is cut with a sign that PostgreSQL's LATIN1 does not have."""
    shell.change(
        "ALTER TABLE meters ADD note TEXT DEFAULT 'x'",
        f"ALTER TABLE meters ADD CONSTRAINT small CHECK (balance < 50 OR note <> '{'x' * 300}')",
        "ALTER TABLE meters ADD CONSTRAINT smaller CHECK (balance < 50)",
    )
    said = shell(*MIGRATE)
    assert said.status == 1
    assert "would violate the constraint" in said.words
    assert "would violate the constraint" in shell("history").words
