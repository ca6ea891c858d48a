"""A tenant whose id cannot be a partition is reported, skipped, and fails alone; every other tenant is run."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import String, text

from meter_assets.billing.schema import billing_tables
from meter_assets.defs.partitions import partition_changes, sync_partitions
from meter_assets.defs.resources import BillingResource
from meter_assets.defs.scope import UNNAMED
from meter_assets.defs.tenant_partitions import tenants_sensor
from meter_assets.errors import IllegalTenantId, UnknownTenant
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import CommandLine, command_line_in
from tests.support.databases import start_over
from tests.support.ledger import invoice, ledger, payment
from tests.support.shapes import SHAPES
from tests.support.small_billing import SmallBilling

LEGAL = ["id-1", "id-2"]
CHARACTERS = "the id may have only letters, digits, '_' and '-'"
ILLEGAL: dict[str, tuple[list[str | None], str, str]] = {
    "a blank": (["a b"], "a b", CHARACTERS),
    "a slash": (["a/b"], "a/b", CHARACTERS),
    "not ASCII": (["é"], "é", CHARACTERS),
    "control characters": (["a\x1b[2J"], r"a\x1b[2J", CHARACTERS),
    "nothing": ([""], "", CHARACTERS),
    "null": ([None], "", "its id is null"),
    "twice": (["id-3", "id-3"], "id-3", "2 rows of the table tenants have this id"),
}
every_id = pytest.mark.parametrize(("ids", "shown", "reason"), ILLEGAL.values(), ids=list(ILLEGAL))


def with_tenants(url: str, *ids: str | None) -> BillingDatabase:
    """Return a database with two tenants of legal ids, one of them without a name, and some others."""
    rows = ledger([invoice(1, "30.00"), invoice(1, "50.00", of=2)], [payment(1, "10.00"), payment(1, "5.00", of=2)])
    database = start_over(url, billing_tables(ids=String(20)), SHAPES["text ids"][1](rows))
    with database.transaction() as connection:
        for statement in (
            "CREATE TABLE others (id VARCHAR(20), name VARCHAR(120))",
            "INSERT INTO others SELECT id, name FROM tenants",
            "DROP TABLE tenants",
            "ALTER TABLE others RENAME TO tenants",
            "UPDATE tenants SET name = NULL WHERE id = 'id-2'",
        ):
            connection.exec_driver_sql(statement)
        for one in ids:
            connection.execute(text("INSERT INTO tenants VALUES (:id, 'Other')"), {"id": one})
    return database


@every_id
def test_the_other_tenants_are_left(billing_url: str, ids: list[str | None], shown: str, reason: str) -> None:
    """In the list of tenants, in the partitions, and where the tenant is named beside another one."""
    database = with_tenants(billing_url, *ids)
    assert [(one.key, one.name) for one in database.tenants()] == [("id-1", "Tenant 1"), ("id-2", "(no name)")]
    assert [reason in str(one) and f"'{shown}'" in str(one) for one in database.skipped_tenants()] == [True] * len(ids)
    with dg.DagsterInstance.ephemeral() as instance:
        sync_partitions(instance, database)
        assert sorted(instance.get_dynamic_partitions("tenants")) == LEGAL
        added, removed, skipped = partition_changes(instance, database)
        assert (added, removed, len(skipped)) == ([], [], len(ids))
    key = ids[0] or ""
    assert [one.key for one in database.tenants([key, "id-2"])] == ["id-2"]
    with pytest.raises(IllegalTenantId, match="Not a legal tenant id"):
        database.tenants([key])
    with pytest.raises(UnknownTenant):
        database.tenants([key, "id-9"])


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["a blank", pytest.param("twice", marks=pytest.mark.thorough)])
def test_every_command_runs_the_others(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The exit status is 1; it is 2 where only the illegal tenant is named, and then nothing is changed."""
    ids, key, reason = ILLEGAL[name]
    database = with_tenants(billing_url, *ids)
    shell: CommandLine = command_line_in(tmp_path / "shell", billing_url, monkeypatch)
    for command in (
        ("migrate-meter-financials", "--dry-run"),
        ("migrate-meter-financials", "--yes"),
        ("validate-meter-financial-data",),
        ("history",),
        ("rollback", "--yes"),
    ):
        ended = shell(*command)
        assert (ended.status, reason in ended.words, f'Skipped: tenant {key} "Other"' in ended.words) == (1, True, True)
        alone = shell(*command, "--tenant", key)
        assert (alone.status, reason in alone.words) == (2, True)
        assert shell(*command, "--tenant", "id-1").status == 0
    with database.snapshot() as connection:
        runs = connection.execute(text("SELECT DISTINCT tenant_id FROM meter_migration_runs ORDER BY tenant_id"))
        assert list(runs.scalars()) == LEGAL


@pytest.mark.slow
@pytest.mark.parametrize("command", [("--dry-run",), ("--yes",)], ids=["preview", "live"])
def test_rows_of_no_tenant_are_counted(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """At the start of a command; the tenants are migrated without them."""
    shell = command_line_in(tmp_path / "shell", billing_url, monkeypatch)
    shell.change(
        *SmallBilling().statements(),
        "INSERT INTO payments (id, customer_id, meter_id, amount) VALUES (73, 11, 21, 5), (74, 11, 21, 6)",
        "INSERT INTO bills (id, bill_type) VALUES (43, 'WATER')",
    )
    ended = shell("migrate-meter-financials", *command)
    assert ended.status == 0, ended.printed
    assert "Rows without a tenant_id, which no run reads: bills (1), payments (2). Set it" in ended.words


def test_where_no_tenant_is_legal_nothing_is_run(billing_url: str) -> None:
    """Every one of them is named."""
    database = with_tenants(billing_url, "a b", "c d")
    with database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM tenants WHERE id IN ('id-1', 'id-2')")
    with pytest.raises(IllegalTenantId) as refused:
        database.tenants()
    assert refused.value.tenant_ids == ("a b", "c d")


def test_the_sensor_names_what_it_leaves_out(billing_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the reason of a tick that changes nothing."""
    with_tenants(billing_url, "a b")
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", billing_url)
    with dg.DagsterInstance.ephemeral() as instance:
        for key in LEGAL:
            instance.add_dynamic_partitions("tenants", [key])
        resources: Any = {"billing": BillingResource()}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            tick = tenants_sensor(UNNAMED)(context)
    assert isinstance(tick, dg.SensorResult)
    assert "'a b'" in str(tick.skip_reason)
