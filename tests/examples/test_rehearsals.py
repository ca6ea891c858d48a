"""A rehearsal of mapped tables: the copy has the usual names, and its migration makes the balances of the example."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, select

from meter_assets import settings
from meter_assets.billing.money import exact
from meter_assets.billing.schema import BillingSchema
from meter_assets.copying.copy import copied
from meter_assets.formatting import show_money
from meter_assets.migration.database import BillingDatabase
from tests.support import databases
from tests.support.command_line import CommandLine
from tests.support.example_databases import CASES, FOLDER, expected, on_one_engine

pytestmark = pytest.mark.slow
Ids = dict[tuple[str, str], tuple[str, str]]


def into(url: str) -> str | None:
    """Return the URL of another database on the same server; None if the database is a file."""
    made = make_url(url)
    return made.set(database="a_copy").render_as_string(hide_password=False) if made.host else None


def numbers(connection: Connection, schema: BillingSchema) -> Ids:
    """Return tenant and number of each meter, by tenant and id."""
    meter = schema.tables["meters"]
    rows = connection.execute(select(meter.c.tenant_id, meter.c.id, meter.c.meter_number))
    return {(str(tenant), str(meter_id)): (str(tenant), str(number)) for tenant, meter_id, number in rows}


@on_one_engine
def test_a_copy_is_migrated_as_worked_out_by_hand(example: Path, shell: CommandLine, tmp_path: Path) -> None:
    source, policy = settings.billing_database(shell.url), settings.policy()
    with source.read(policy) as snapshot:
        named = numbers(snapshot.connection, snapshot.schema)
    folder = tmp_path / "private"
    folder.mkdir()
    with copied(source, into(shell.url), policy, folder, keep=False, told=lambda table, rows: None) as copy:
        database = BillingDatabase(copy.url)
        for tenant in database.tenants([]):
            databases.migrate(database, tenant.id, policy)
        with database.read(policy) as snapshot:
            meter = snapshot.schema.tables["meters"]
            money = [exact(meter.c.balance), exact(meter.c.overpayment)]
            rows = snapshot.connection.execute(select(meter.c.tenant_id, meter.c.id, *money)).all()
        found = {named[str(row[0]), str(row[1])]: (show_money(row[2]), show_money(row[3])) for row in rows}
        assert found == expected(example)
        with database.snapshot() as connection:
            masked = numbers(connection, database.known_schema()).values()
    assert {number for _, number in masked} == {f"Meter {meter_id}" for _, meter_id in named}


@pytest.mark.parametrize(
    ("engine_name", "example"),
    [one for one in CASES if one.values[1] in (FOLDER / "laravel", FOLDER / "cents")],
    indirect=["engine_name"],
    ids=lambda one: getattr(one, "name", one),
)
def test_a_rehearsal_has_the_policies_and_no_mapping(example: Path, shell: CommandLine) -> None:
    target = into(shell.url)
    ended = shell("rehearse", "--json", *(["--into", target] if target else []))
    assert ended.status == 0, ended.printed
    found = json.loads(ended.printed[ended.printed.index("{\n") : ended.printed.rindex("\n}") + 2])
    assert found["go"]
    assert found["again"]["restored"] == found["again"]["changed"] == found["again"]["changed_again"] > 0
