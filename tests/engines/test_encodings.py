"""Databases of PostgreSQL whose encoding is not UTF-8: they work, or are refused with a sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import CommandLine, command_line_in
from tests.support.small_billing import SmallBilling

MIGRATE = ("migrate-meter-financials", "--yes")
NAME = "Žofie café"


@pytest.fixture
def shell(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """The command line on a small billing database with the encoding of the test."""
    administrator = BillingDatabase(postgres_url).engine.execution_options(isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE encoded TEMPLATE template0 ENCODING '{request.param}' LOCALE 'C'"))
    url = make_url(postgres_url).set(database="encoded").render_as_string(hide_password=False)
    made = command_line_in(tmp_path, url, monkeypatch)
    made.change(*SmallBilling().statements())
    yield made
    with administrator.connect() as connection:
        connection.execute(text("DROP DATABASE encoded WITH (FORCE)"))


@pytest.mark.parametrize(
    ("shell", "name"),
    [
        ("LATIN1", "café"),
        pytest.param("LATIN2", NAME, marks=pytest.mark.thorough),
        ("SQL_ASCII", NAME),
        pytest.param("SQL_ASCII", "plain", marks=pytest.mark.thorough),
        pytest.param("WIN1252", "café €", marks=pytest.mark.thorough),
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


@pytest.mark.parametrize("shell", ["SQL_ASCII"], indirect=True)
def test_bytes_that_are_no_utf8_are_refused_with_a_sentence(shell: CommandLine) -> None:
    shell.change("UPDATE tenants SET name = convert_from('\\x636166e9', 'SQL_ASCII')")
    for command in (("migrate-meter-financials", "--dry-run"), MIGRATE, ("validate-meter-financial-data",)):
        said = shell(*command)
        assert said.status == 1, said.printed
        assert 'cannot be read: invalid byte sequence for encoding "UTF8": 0xe9' in said.words


@pytest.mark.parametrize("shell", ["LATIN1"], indirect=True)
def test_a_failure_is_recorded_also_where_its_sentence_has_other_letters(shell: CommandLine) -> None:
    """A long name is cut with a sign that LATIN1 does not have."""
    shell.change(
        "ALTER TABLE meters ADD note TEXT DEFAULT 'x'",
        f"ALTER TABLE meters ADD CONSTRAINT small CHECK (balance < 50 OR note <> '{'x' * 300}')",
        "ALTER TABLE meters ADD CONSTRAINT smaller CHECK (balance < 50)",
    )
    said = shell(*MIGRATE)
    assert said.status == 1
    assert "would violate the constraint" in said.words
    assert "would violate the constraint" in shell("history").words
