"""A database with other names, read through a mapping, is migrated as the same database with the default names.

So it is through a mapping of another form: every table from a SELECT, and all results in tables of ours.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from meter_assets import settings
from meter_assets.billing.mapping import RESULTS
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.rules.undo import RESTORED
from tests.support.command_line import CommandLine, command_line_in, make_small_tenants
from tests.support.databases import everything

pytestmark = pytest.mark.slow
TENANT = ("--tenant", "1")


def renamed(name: str) -> str:
    """Return another name: in mixed case, with a blank, as other programs have them."""
    return f"The {name.title()}"


def rename(shell: CommandLine, schema: BillingSchema) -> str:
    """Rename every table and column of the database, and return the mapping."""
    mapping, statements = [], []
    quote = '"{}"'.format
    for name, table in schema.stored.items():
        mapping += [f"[tables.{name}]", f'table = "{renamed(name)}"', f"[tables.{name}.columns]"]
        mapping += [f'{column.name} = "{renamed(column.name)}"' for column in table.c]
        statements += [
            f"ALTER TABLE {name} RENAME COLUMN {column.name} TO {quote(renamed(column.name))}" for column in table.c
        ]
        statements.append(f"ALTER TABLE {name} RENAME TO {quote(renamed(name))}")
    shell.change(*statements)
    return "\n".join(mapping)


def from_selects(schema: BillingSchema) -> str:
    """Return a mapping that reads every table from a SELECT, and keeps all results in tables of ours."""
    mapping = []
    for name, table in schema.stored.items():
        mapping += [f"[tables.{name}]", f'select = "SELECT {", ".join(table.c.keys())} FROM {name}"']
        if name in RESULTS and name != "customers":
            mapping.append(f"results = {list(RESULTS[name])}")
    return "\n".join(mapping)


def _as_text(row: Sequence[Any]) -> str:
    """Return a row as text, in which money has four decimals, whatever its column has."""
    return " ".join(f"{one:.4f}" if isinstance(one, Decimal) else str(one) for one in row)


def found(shell: CommandLine) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the written rows under their logical names, and what the journals have of migrations, each sorted."""
    with settings.billing_database(shell.url).read(settings.policy()) as snapshot:
        schema, relations = snapshot.schema, snapshot.relations()
        rows, journals = {}, {}
        for step in (STEPS[name] for name in MIGRATION if STEPS[name].target != BACKUP):
            table = relations.rows[step.target]
            values = [exact(table.c[one]) if one in step.money else table.c[one] for one in step.columns]
            written = select(table.c.tenant_id, table.c.id, *values)
            rows[step.target] = sorted(map(_as_text, snapshot.connection.execute(written)))
            if not schema.has_journal(step.name):
                continue
            journal = schema.journal(step.name)
            sides = [(one, journal.c[f"{one}_{side}"]) for one in step.columns for side in ("before", "after")]
            values = [exact(value) if one in step.money else value for one, value in sides]
            kept = select(journal.c.tenant_id, journal.c[step.key], journal.c.rule, *values).distinct()
            migrated = kept.where(journal.c.rule != RESTORED)
            journals[step.name] = sorted(map(_as_text, snapshot.connection.execute(migrated)))
    return rows, journals


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small tenants, whose tables have the default names."""
    monkeypatch.delenv("METER_ASSETS_CONFIG", raising=False)
    make_small_tenants(billing_url)
    return command_line_in(tmp_path, billing_url, monkeypatch)


@pytest.mark.parametrize("form", ["renamed", "from SELECTs"])
def test_a_mapped_database_is_migrated_as_one_with_the_default_names(
    shell: CommandLine, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = found(shell)
    assert shell("migrate-meter-financials", "--yes", *TENANT).status == 0
    expected = found(shell)
    assert shell("rollback", "--yes", *TENANT).status == 0
    schema = billing_tables()
    mapping = rename(shell, schema) if form == "renamed" else from_selects(schema)
    Path("mapping.toml").write_text(mapping, encoding="utf-8")
    monkeypatch.setenv("METER_ASSETS_CONFIG", "mapping.toml")
    assert found(shell)[0] == before

    migrated = shell("migrate-meter-financials", "--yes", *TENANT)
    assert migrated.status == 0, migrated.printed
    for now, then in zip(found(shell), expected, strict=True):
        assert {name: set(now[name]) ^ set(then[name]) for name in then} == {name: set() for name in then}
    assert shell("validate-meter-financial-data", *TENANT).status == 0
    assert shell("rollback", "--yes", *TENANT).status == 0
    assert found(shell)[0] == before


def test_nothing_is_written_where_the_mapping_of_another_run_points(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another table has the same rows. Whoever has renamed the table can say so."""
    assert shell("migrate-meter-financials", "--yes", *TENANT).status == 0
    payments = shell.rows("SELECT id, meter_id FROM payments ORDER BY id")
    shell.change("CREATE TABLE archived_payments AS SELECT * FROM payments")
    Path("archive.toml").write_text('[tables.payments]\ntable = "archived_payments"\n', encoding="utf-8")
    monkeypatch.setenv("METER_ASSETS_CONFIG", "archive.toml")
    difference = "table of payments: payments -> archived_payments"
    before = everything(shell.database)
    for command in (
        ("rollback", "--yes"),
        ("rollback", "--dry-run"),
        ("migrate-meter-financials", "--yes"),
        ("migrate-meter-financials", "--dry-run"),
        ("backfill-payment-meter-ids", "--yes"),
    ):
        refused = shell(*command, *TENANT)
        assert (refused.status, difference in refused.words) == (1, True), (command, refused.printed)
    assert everything(shell.database) == before

    assert shell("rollback", "--yes", "--allow-unverified", *TENANT).status == 0
    assert shell.rows("SELECT id, meter_id FROM payments ORDER BY id") == payments
    assert shell.rows("SELECT id, meter_id FROM archived_payments ORDER BY id") != payments
